//! The transport below every pipeline, azure_identity's included: no body is read beyond its bound.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aksbackup_shared::bounds::{ELEMENTS, Meter};
use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::error::ErrorKind;
use azure_core::http::response::AsyncResponseBody;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, Transport};
use futures::Stream;

/// The most bytes of an answer of Resource Manager.
pub(crate) const OF_ARM: usize = 8 << 20;
/// The most bytes of a token's answer, and of a cloud's metadata: Microsoft's own have some kilobytes.
pub(crate) const OF_LOGIN: usize = 1 << 20;

/// The byte order mark of UTF-8.
pub(crate) const MARK: &[u8] = b"\xef\xbb\xbf";

/// An HTTP client whose answers have bounds.
#[derive(Debug)]
struct Bounded {
    client: Arc<dyn HttpClient>,
    most: usize,
}

/// A transport through `client` that reads at most `most` bytes of an answer.
pub(crate) fn transport(client: Arc<dyn HttpClient>, most: usize) -> Transport {
    Transport::new(Arc::new(Bounded { client, most }))
}

#[async_trait]
impl HttpClient for Bounded {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let response = self.client.execute_request(request).await?;
        let (status, headers, body) = response.deconstruct();
        let (body, meter) = (Box::pin(body), Meter::of_document(self.most, ELEMENTS));
        Ok(AsyncRawResponse::new(
            status,
            headers,
            Box::pin(Metered { body, meter }),
        ))
    }
}

/// A body that is measured while it is read.
struct Metered {
    body: Pin<Box<AsyncResponseBody>>,
    meter: Meter,
}

impl Stream for Metered {
    type Item = azure_core::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let own = self.get_mut();
        ready!(own.meter.poll_turn(context));
        let next = ready!(own.body.as_mut().poll_next(context));
        Poll::Ready(next.map(|read| {
            let bytes = read?;
            match own.meter.take(&bytes) {
                Ok(()) => Ok(bytes),
                // An error of another kind than I/O is not tried again.
                Err(excess) => Err(azure_core::Error::with_error(
                    ErrorKind::Other,
                    excess,
                    excess.to_string(),
                )),
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use aksbackup_shared::bounds::excess_of;
    use azure_core::http::headers::Headers;
    use azure_core::http::{Method, StatusCode, Url};

    use super::*;

    /// Answers with a body of so many bytes.
    #[derive(Debug)]
    struct Blank(usize);

    #[async_trait]
    impl HttpClient for Blank {
        async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
            let body = vec![b' '; self.0];
            Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::new(), body))
        }
    }

    async fn read(size: usize, most: usize) -> azure_core::Result<usize> {
        let client = Bounded {
            client: Arc::new(Blank(size)),
            most,
        };
        let request = Request::new(Url::parse("https://a").unwrap(), Method::Get);
        let response = client.execute_request(&request).await?.try_into_raw_response().await?;
        Ok(response.body().len())
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_bound() {
        assert_eq!(read(1000, 1000).await.unwrap(), 1000);
        let error = read(1001, 1000).await.unwrap_err();
        assert!(excess_of(&error).is_some(), "{error:?}");
    }
}
