"""What the interop run asks of Hypercorn."""

SMALL = b"hello, world\n"


async def application(scope, receive, send):
    """Echoes what is posted; everything else is a line of text, with what its path names."""
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    if scope["method"] == "POST":
        return await echo(receive, send)
    if scope["path"] == "/hints.txt":
        await send({"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]})
    length = [(b"content-length", str(len(SMALL)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else SMALL})


async def echo(receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    more = True
    while more:
        event = await receive()
        more = event["type"] == "http.request" and event.get("more_body", False)
        await send({"type": "http.response.body", "body": event.get("body", b""), "more_body": more})


async def lifespan(receive, send):
    while True:
        event = await receive()
        await send({"type": event["type"] + ".complete"})
        if event["type"] == "lifespan.shutdown":
            return
