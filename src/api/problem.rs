//! How the surface says no: problem details, whatever went wrong and wherever.

use std::any::Any;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::model::refused::Refused;
use crate::wire::ProblemDetails;
use crate::wire::code::Code;
use crate::wire::problem::MEDIA_TYPE;

/// A refusal on its way out.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) Box<ProblemDetails>);

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Refusal(Box::new(ProblemDetails::from(&refused)))
    }
}

impl From<ProblemDetails> for Refusal {
    fn from(problem: ProblemDetails) -> Self {
        Refusal(Box::new(problem))
    }
}

impl From<Box<ProblemDetails>> for Refusal {
    fn from(problem: Box<ProblemDetails>) -> Self {
        Refusal(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::to_string(&self.0).expect("because problem details are plain data");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}

/// There is no such address.
pub(super) async fn no_route(uri: axum::http::Uri) -> Refusal {
    ProblemDetails::new(Code::NoRoute, format!("there is no address `{}`", uri.path())).into()
}

/// The address is there and does not take this; OPTIONS is told what it takes. The router adds `Allow`.
pub(super) async fn no_method(method: axum::http::Method, uri: axum::http::Uri) -> Response {
    if method == axum::http::Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let detail = format!("`{}` does not take {method}", uri.path());
    Refusal::from(ProblemDetails::new(Code::MethodNotAllowed, detail)).into_response()
}

/// A route that panicked costs its answer and nothing else.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let what = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "no message".to_owned());
    tracing::error!(panic = %what, "a request panicked");
    Refusal::from(Refused::Internal { what: "the request could not be answered".to_owned() }).into_response()
}
