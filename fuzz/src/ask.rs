//! A client that awaits a response.

use bytes::Buf;
use http::{HeaderMap, Method, Version};
use martlet_core::Limits;
use martlet_core::h1::{ClientConn, FieldBlock, RequestContent, RequestHead, Target};

/// A client whose request of this method is out.
pub(crate) fn asked(method: &Method) -> ClientConn {
    let mut conn = ClientConn::new(Limits::default());
    let (fields, block) = (HeaderMap::new(), FieldBlock::empty());
    let head = RequestHead {
        method,
        target: if *method == Method::CONNECT { Target::Authority(b"a:1") } else { Target::Origin(b"/") },
        version: Version::HTTP_11,
        host: b"a",
        fields: &fields,
        block: &block,
    };
    assert_eq!(conn.send_request(head, RequestContent::None), Ok(()));
    let out = conn.transmit().remaining();
    conn.transmit().advance(out);
    conn
}
