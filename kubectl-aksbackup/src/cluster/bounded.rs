//! A layer around the client: no answer of the API server is read beyond its bound.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use aksbackup_shared::bounds::Meter;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::Frame;
use kube::client::{Body, DynBody};
use tower::{BoxError, Layer, Service};

/// The most bytes of an answer: of a page, or of a single object.
const OF_PAGE: usize = 16 << 20;
/// The most elements that the lists of such an answer have together: one that is empty can become a typed object of two kilobytes.
const ELEMENTS_OF_PAGE: usize = 25_000;
/// The most bytes of one event of a watch. An object has at most some three megabytes.
const OF_EVENT: usize = 4 << 20;

/// Bounds every answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds;

impl<S> Layer<S> for Bounds {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded { inner }
    }
}

/// A service whose answers have bounds.
pub(crate) struct Bounded<S> {
    inner: S,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Metered>, BoxError>> + Send>>;

impl<S> Service<Request<Body>> for Bounded<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<Metered>;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let meter = meter(request.uri());
        let answer = self.inner.call(request);
        Box::pin(async move { Ok(answer.await?.map(|body| Metered { body, meter })) })
    }
}

/// A watch has no end, but each of its events has. Whoever reads a log cuts its lines.
fn meter(uri: &Uri) -> Meter {
    let watch = uri
        .query()
        .is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"));
    match uri.path().ends_with("/log") {
        true => Meter::of_lines(usize::MAX),
        false if watch => Meter::of_lines(OF_EVENT),
        false => Meter::of_document(OF_PAGE, ELEMENTS_OF_PAGE),
    }
}

/// A body that is measured while it is read.
pub(crate) struct Metered {
    body: Box<DynBody>,
    meter: Meter,
}

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let own = self.get_mut();
        ready!(own.meter.poll_turn(context));
        let next = ready!(Pin::new(&mut own.body).poll_frame(context));
        Poll::Ready(next.map(|read| {
            let frame = read?;
            match frame.data_ref().map(|bytes| own.meter.take(bytes)) {
                Some(Err(excess)) => Err(excess.into()),
                Some(Ok(())) | None => Ok(frame),
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_may_be_longer_than_a_page_and_a_list_may_not() {
        let takes = |uri: &'static str| {
            let mut meter = meter(&Uri::from_static(uri));
            let line = [vec![b' '; 1023], vec![b'\n']].concat();
            (0..=OF_PAGE / 1024).all(|_| meter.take(&line).is_ok())
        };
        assert!(takes("/api/v1/namespaces/n/pods/p/log?container=c"));
        assert!(takes("/api/v1/namespaces/n/pods?&watch=true&resourceVersion=1"));
        assert!(!takes("/api/v1/namespaces/n/pods?limit=500"));
    }
}
