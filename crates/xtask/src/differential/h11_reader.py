"""What h11 sees: a message a line on standard input, an outcome a line on standard output.

Each character of a string is an octet.
"""

import json
import sys

import h11


def octets(text):
    return text.encode("latin-1")


def text(octets):
    return bytes(octets).decode("latin-1")


def lines(fields):
    return [[text(name), text(value)] for name, value in fields.raw_items()]


def begun(event):
    if isinstance(event, h11.Request):
        start = text(event.method) + " " + text(event.target)
    else:
        start = str(event.status_code)
    return {
        "start": start,
        "version": text(event.http_version),
        "fields": lines(event.headers),
        "content": "",
        "trailers": [],
        "ended": None,
    }


def read(message):
    is_client = message["role"] == "client"
    connection = h11.Connection(h11.CLIENT if is_client else h11.SERVER, max_incomplete_event_size=1 << 20)
    outcome = {"interim": [], "messages": [], "end": "waiting", "why": ""}
    input = octets(message["octets"])
    if is_client:
        ask(connection, message)
    connection.receive_data(input)
    awaits_end = message["eof"]
    seen = None
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            truncated = is_client and message["eof"] and not awaits_end
            # Some of its errors go on with the octets.
            why = str(error).split(": bytearray")[0]
            return {**outcome, "end": "waiting" if truncated else "refused", "why": why}
        if event is h11.NEED_DATA and awaits_end:
            connection.receive_data(b"")
            awaits_end = False
        elif event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            return outcome
        elif isinstance(event, h11.InformationalResponse) and event.status_code != 101:
            outcome["interim"].append(event.status_code)
        elif isinstance(event, (h11.Request, h11.Response, h11.InformationalResponse)):
            seen = begun(event)
            if connection.their_state is h11.SWITCHED_PROTOCOL:
                seen["ended"] = len(input) - len(connection.trailing_data[0])
                outcome["messages"].append(seen)
                return {**outcome, "end": "switched"}
        elif isinstance(event, h11.Data):
            seen["content"] += text(event.data)
        elif isinstance(event, h11.EndOfMessage):
            seen["trailers"] = lines(event.headers)
            seen["ended"] = len(input) - len(connection.trailing_data[0])
            outcome["messages"].append(seen)
            if is_client:
                # What is behind a response is nobody's; its user looks for it here.
                kept = connection.our_state is h11.DONE and connection.their_state is h11.DONE
                clean = connection.trailing_data == (b"", False)
                return {**outcome, "end": "kept" if kept and clean else "closed"}
            status = 405 if seen["start"].startswith("CONNECT ") else 200
            connection.send(h11.Response(status_code=status, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return {**outcome, "end": "closed"}
            connection.start_next_cycle()


def ask(connection, message):
    fields = [("Host", "h.test")]
    if message["upgrade"]:
        fields += [("Connection", "upgrade"), ("Upgrade", "x")]
    content = b"abc" if message["method"] == "POST" else b""
    if content:
        fields.append(("Content-Length", "3"))
    target = "h.test:443" if message["method"] == "CONNECT" else "/"
    connection.send(h11.Request(method=message["method"], target=target, headers=fields))
    if content:
        connection.send(h11.Data(content))
    connection.send(h11.EndOfMessage())


for line in sys.stdin:
    print(json.dumps(read(json.loads(line))))
