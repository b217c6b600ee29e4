//! The API for programs: an OpenAPI 3.1 document, made from the one table of addresses and the shapes of `wire`. What is
//! served is `docs/reference/openapi.json`, which a test holds to the table.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{Method, header};
use axum::response::IntoResponse;
use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::route::{Gives, Route};
use super::routes::ROUTES;
use crate::files::spec::schema;
use crate::wire::ProblemDetails;
use crate::wire::code::Code;
use crate::wire::problem::MEDIA_TYPE;

static TEXT: LazyLock<String> = LazyLock::new(|| format!("{:#}\n", document()));

/// Serves the document.
pub(super) async fn served() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str())
}

/// The whole document.
pub(super) fn document() -> Value {
    let (mut takes, mut gives) = (generator(Contract::Deserialize), generator(Contract::Serialize));
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for route in ROUTES.iter() {
        let method = route.method.as_str().to_lowercase();
        paths.entry(route.path).or_default().insert(method, operation(route, &mut takes, &mut gives));
    }
    gives.subschema_for::<ProblemDetails>();
    let mut schemas = takes.take_definitions(true);
    schemas.extend(gives.take_definitions(true));
    schemas.extend(schema::submission("#/components/schemas/"));
    schemas.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Campanile",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What `campanile ctl` speaks. See docs/reference/api.md.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "the daemon's Unix socket, or where it listens" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
        "security": [{}, { "token": [] }],
    })
}

fn generator(contract: Contract) -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    settings.contract = contract;
    settings.into_generator()
}

fn operation(route: &Route, takes: &mut SchemaGenerator, gives: &mut SchemaGenerator) -> Value {
    let mut operation = Map::new();
    operation.insert("operationId".to_owned(), route.id.into());
    operation.insert("summary".to_owned(), route.answers.into());
    let mut parameters: Vec<Value> = route.names().map(|name| path_parameter(route, name)).collect();
    if let Some(query) = route.query {
        parameters.extend(query_parameters(query(takes).as_value()));
    }
    if matches!(route.gives, Gives::Events(_)) {
        let schema = json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX });
        parameters.push(parameter("Last-Event-ID", "header", false, &schema, "Goes before `after`."));
    }
    if route.heeds_key {
        let schema = json!({ "type": "string", "pattern": super::body::KEY_PATTERN });
        let words = "Asked again under it within a day, it is answered as it was the first time.";
        parameters.push(parameter("Idempotency-Key", "header", false, &schema, words));
    }
    operation.insert("parameters".to_owned(), parameters.into());
    if let Some(body) = route.body {
        let content = json!({ "application/json": { "schema": body(takes) } });
        let required = route.id == "submit_tasks";
        operation.insert("requestBody".to_owned(), json!({ "required": required, "content": content }));
    }
    if route.takes_file {
        let text = json!({ "schema": { "type": "string" } });
        let object = json!({ "schema": { "type": "object" } });
        let content = json!({ "application/toml": text, "application/yaml": text, "application/json": object });
        operation.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    let mut responses = BTreeMap::from([given(route, gives)]);
    refused(&route.codes(), &mut responses);
    operation.insert("responses".to_owned(), json!(responses));
    if route.is_open {
        operation.insert("security".to_owned(), json!([]));
    }
    operation.into()
}

fn parameter(name: &str, place: &str, required: bool, schema: &Value, description: &str) -> Value {
    json!({ "name": name, "in": place, "required": required, "schema": schema, "description": description })
}

fn path_parameter(route: &Route, name: &str) -> Value {
    let what = match name {
        "name" => "The job's name.",
        _ if route.path.contains("/runs/") => {
            "A whole id, the beginning or end of one (at least 4 hex digits), `JOB#N`, or `JOB` for its latest run."
        }
        _ => "A whole id, or a piece of one (at least 4 hex digits).",
    };
    // What is looked for may be anything, and is then not found; what is made or taken away has to be a name.
    let schema = match [Method::PUT, Method::DELETE].contains(&route.method) {
        true => json!({ "type": "string", "pattern": schema::NAME }),
        false => json!({ "type": "string", "minLength": 1 }),
    };
    parameter(name, "path", true, &schema, what)
}

/// The fields of an object, each as a parameter: there is no `null` behind a `?`.
fn query_parameters(object: &Value) -> Vec<Value> {
    let required = |name: &str| object["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
    let properties = object["properties"].as_object().into_iter().flatten();
    let shown = properties.map(|(name, schema)| {
        let mut schema = schema.clone();
        let fields = schema.as_object_mut().expect("because the schema of a field is an object");
        let description = fields.remove("description").unwrap_or_default();
        fields.remove("default");
        if let Some(kinds) = fields.get_mut("type")
            && let Some(kind) = kinds.as_array().and_then(|kinds| kinds.iter().find(|kind| *kind != "null")).cloned()
        {
            *kinds = kind;
        }
        parameter(name, "query", required(name), &schema, description.as_str().unwrap_or_default())
    });
    shown.collect()
}

fn given(route: &Route, gives: &mut SchemaGenerator) -> (String, Value) {
    let content = |kind: &str, schema: Value| json!({ kind: { "schema": schema } });
    let (status, content) = match route.gives {
        Gives::Json(status, schema) => (status, content("application/json", schema(gives).to_value())),
        Gives::Lines(schema) => (200, content("application/x-ndjson", of_each(schema(gives).as_value()))),
        Gives::Events(schema) => (200, content("text/event-stream", of_each(schema(gives).as_value()))),
        Gives::Text(kind) => (200, content(kind, json!({ "type": "string" }))),
        Gives::Nothing => (204, Value::Null),
    };
    let mut response = Map::from_iter([("description".to_owned(), Value::from(route.answers))]);
    if !content.is_null() {
        response.insert("content".to_owned(), content);
    }
    let mut headers = Map::new();
    if route.id.starts_with("list_") {
        headers.insert("Link".to_owned(), header_of("Where the next page is: `<…>; rel=\"next\"`."));
    }
    if route.id == "start_job" {
        headers.insert("Location".to_owned(), header_of("Where the run is."));
    }
    if route.heeds_key {
        headers.insert("Idempotency-Replayed".to_owned(), header_of("`true`: nothing was done now."));
    }
    if !headers.is_empty() {
        response.insert("headers".to_owned(), headers.into());
    }
    (status.to_string(), response.into())
}

/// A stream has no end that a schema could describe; what each piece of it is, is said beside.
fn of_each(schema: &Value) -> Value {
    json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": schema })
}

fn header_of(description: &str) -> Value {
    json!({ "description": description, "schema": { "type": "string" } })
}

/// The refusals, by status.
fn refused(codes: &[Code], responses: &mut BTreeMap<String, Value>) {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.entry().status).or_default().push(*code);
    }
    for (status, codes) in by_status {
        let words: Vec<String> =
            codes.iter().map(|code| format!("`{}`: {}", code.entry().code, code.entry().meaning)).collect();
        let names: Vec<&str> = codes.iter().map(|code| code.entry().code).collect();
        let schema = json!({
            "allOf": [{ "$ref": "#/components/schemas/ProblemDetails" }],
            "properties": { "code": { "enum": names } },
        });
        let response = json!({ "description": words.join("; "), "content": { MEDIA_TYPE: { "schema": schema } } });
        responses.insert(status.to_string(), response);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_on_disk_is_the_one_that_is_served() {
        crate::pages::hold("docs/reference/openapi.json", &TEXT);
    }

    #[test]
    fn whatever_the_document_refers_to_is_in_it() {
        let document = document();
        let mut left = vec![&document];
        let mut n = 0;
        while let Some(value) = left.pop() {
            left.extend(value.as_array().into_iter().flatten());
            for (key, value) in value.as_object().into_iter().flatten() {
                left.push(value);
                if let Some(place) = value.as_str().filter(|_| key == "$ref").and_then(|place| place.strip_prefix('#'))
                {
                    assert!(document.pointer(place).is_some(), "{place}");
                    n += 1;
                }
            }
        }
        assert!(n > 20, "{n}");
    }
}
