use serde_json::{Map, Value, json};

use super::{Keys, RULESET, Range, Record, SHORT, Shape};
use crate::routing::matcher::MOST_EXACT;

/// The JSON Schema (draft 2020-12) of rulesets, made from the grammar that reading checks against.
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    let reference = record(&RULESET, &mut definitions);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Desk webhooks: ruleset",
        "$ref": reference,
        "$defs": definitions,
    })
}

/// Defines a record, once, and returns where.
fn record(record: &Record, definitions: &mut Map<String, Value>) -> String {
    let reference = format!("#/$defs/{}", record.name);
    if definitions.contains_key(record.name) {
        return reference;
    }
    // Taken before its fields are looked at: conditions hold conditions.
    definitions.insert(record.name.to_owned(), Value::Null);
    let mut properties = Map::new();
    for field in record.fields {
        let mut schema = shape(field.shape, definitions);
        schema.insert("description".into(), field.about.into());
        properties.insert(field.key.into(), schema.into());
    }
    let required: Vec<_> =
        record.fields.iter().filter(|field| field.required.is_some()).map(|f| f.key).collect();
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if record.keys != Keys::Any {
        schema["minProperties"] = json!(1);
    }
    if record.keys == Keys::ExactlyOne {
        schema["maxProperties"] = json!(1);
    }
    definitions.insert(record.name.to_owned(), schema);
    reference
}

fn shape(of: &Shape, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let schema = match of {
        Shape::Null => json!({ "type": "null" }),
        Shape::Truth => json!({ "type": "boolean" }),
        Shape::Text { example, most } => {
            let examples = [example.trim_matches('"')];
            json!({ "type": "string", "minLength": 1, "maxLength": most, "examples": examples })
        }
        Shape::Choice(choices) => json!({ "enum": choices }),
        Shape::Whole { least, .. } => json!({ "type": "integer", "minimum": least }),
        Shape::Number { range: Range::All, .. } => {
            json!({ "type": "number", "minimum": -MOST_EXACT as i64, "maximum": MOST_EXACT as i64 })
        }
        Shape::Number { range: Range::Positive, .. } => {
            json!({ "type": "number", "exclusiveMinimum": 0, "maximum": MOST_EXACT as i64 })
        }
        Shape::Number { range: Range::Percentage, .. } => {
            json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 100 })
        }
        Shape::List { of, least, .. } => {
            json!({ "type": "array", "minItems": least, "items": shape(of, definitions) })
        }
        Shape::Names { of, least, .. } => json!({
            "type": "object", "minProperties": least,
            "propertyNames": { "minLength": 1, "maxLength": SHORT },
            "additionalProperties": shape(of, definitions),
        }),
        Shape::Record(of) => json!({ "$ref": record(of, definitions) }),
        Shape::Either(shapes) => {
            let shapes: Vec<_> = shapes.iter().map(|of| shape(of, definitions)).collect();
            json!({ "anyOf": shapes })
        }
        Shape::Anything => json!({}),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}
