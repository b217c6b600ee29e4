//! One address: what it takes and gives, in words for people and in schemas for programs. Everything that is said of an
//! address anywhere is made from here: the router, `docs/reference/api.md` and the OpenAPI document.

use axum::http::Method;
use axum::routing::MethodRouter;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::context::Shared;
use crate::wire::code::Code;

/// Makes the schema of a type.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What an address answers when it does what it is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gives {
    /// JSON of this status and shape.
    Json(u16, SchemaOf),
    /// JSON objects of this shape, one a line, as they come.
    Lines(SchemaOf),
    /// Server-Sent Events, whose data has this shape.
    Events(SchemaOf),
    /// Text for people, or of the media type that is named.
    Text(&'static str),
    /// 204.
    Nothing,
}

/// One address.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method it takes.
    pub method: Method,
    /// Its path.
    pub path: &'static str,
    /// What it is called in programs.
    pub id: &'static str,
    /// What it answers, in words.
    pub answers: &'static str,
    pub(super) query: Option<SchemaOf>,
    pub(super) body: Option<SchemaOf>,
    /// Its body is a job file, in any of their languages.
    pub(super) takes_file: bool,
    pub(super) gives: Gives,
    /// Refusals that not every address knows.
    pub(super) refuses: &'static [Code],
    /// Asked again under an `Idempotency-Key`, it does nothing again.
    pub(super) heeds_key: bool,
    /// It needs no token.
    pub(super) is_open: bool,
    pub(super) handler: fn() -> MethodRouter<Shared>,
}

fn reference<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn object<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

const fn route(
    method: Method,
    path: &'static str,
    id: &'static str,
    answers: &'static str,
    handler: fn() -> MethodRouter<Shared>,
) -> Route {
    let (query, body, gives, refuses) = (None, None, Gives::Nothing, &[]);
    let (takes_file, heeds_key, is_open) = (false, false, false);
    Route { method, path, id, answers, query, body, takes_file, gives, refuses, heeds_key, is_open, handler }
}

macro_rules! kinds_of_address {
    ($($(#[$doc:meta])* $name:ident: $method:expr;)*) => {
        $(
            $(#[$doc])*
            pub(super) const fn $name(
                path: &'static str,
                id: &'static str,
                answers: &'static str,
                handler: fn() -> MethodRouter<Shared>,
            ) -> Route {
                route($method, path, id, answers, handler)
            }
        )*
    };
}

kinds_of_address! {
    /// An address that answers a question.
    reads: Method::GET;
    /// An address that does something.
    does: Method::POST;
    /// An address at which something is put.
    sets: Method::PUT;
    /// An address from which something is taken away.
    removes: Method::DELETE;
}

impl Route {
    /// Behind its `?` stand the fields of `T`.
    pub(super) const fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(object::<T>);
        self
    }

    /// Its body is a `T`.
    pub(super) const fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(reference::<T>);
        self
    }

    /// Its body is a job file.
    pub(super) const fn file(mut self) -> Self {
        self.takes_file = true;
        self
    }

    /// It answers a `T`.
    pub(super) const fn gives<T: JsonSchema>(mut self) -> Self {
        self.gives = Gives::Json(200, reference::<T>);
        self
    }

    /// It makes something and answers a `T`.
    pub(super) const fn makes<T: JsonSchema>(mut self) -> Self {
        self.gives = Gives::Json(201, reference::<T>);
        self
    }

    /// It answers `T`s, one a line.
    pub(super) const fn lines<T: JsonSchema>(mut self) -> Self {
        self.gives = Gives::Lines(reference::<T>);
        self
    }

    /// It sends `T`s as they come.
    pub(super) const fn events<T: JsonSchema>(mut self) -> Self {
        self.gives = Gives::Events(reference::<T>);
        self
    }

    /// It answers text of that media type.
    pub(super) const fn text(mut self, media_type: &'static str) -> Self {
        self.gives = Gives::Text(media_type);
        self
    }

    /// It also refuses for these reasons.
    pub(super) const fn refuses(mut self, refuses: &'static [Code]) -> Self {
        self.refuses = refuses;
        self
    }

    /// It heeds an `Idempotency-Key`.
    pub(super) const fn keyed(mut self) -> Self {
        self.heeds_key = true;
        self
    }

    /// It answers whoever asks, without a token.
    pub(super) const fn open(mut self) -> Self {
        self.is_open = true;
        self
    }

    /// The names within its path.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Every reason for which it may refuse, each once, in the order of the table.
    pub(super) fn codes(&self) -> Vec<Code> {
        let mut codes = vec![Code::NotAllowed, Code::Unauthorized, Code::Internal, Code::BadRequest];
        if self.names().next().is_some() {
            codes.extend([Code::NotFound, Code::Ambiguous]);
        }
        if self.method != Method::GET {
            codes.extend([Code::ForeignOrigin, Code::TooSlow, Code::TooLarge, Code::UnsupportedMediaType]);
            codes.extend([Code::Stopping, Code::Unavailable]);
        }
        if self.heeds_key {
            codes.push(Code::KeyReused);
        }
        codes.extend(self.refuses);
        Code::ALL.iter().copied().filter(|code| codes.contains(code)).collect()
    }
}
