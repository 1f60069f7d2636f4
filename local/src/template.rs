//! The tables and queues, read from the SAM template that is deployed.
//!
//! Only what decides how they behave is looked at: keys, indexes, time to live, sizes and times. These have to stand there literally. Everything else may use CloudFormation's
//! functions freely, for their short forms (`!Sub`, `!If`, ...) are YAML tags, and tags are ignored.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// The template of this workspace, as it was when this crate was built.
pub const TEMPLATE: &str = include_str!("../../template.yaml");

/// One table: what `CreateTable` and `UpdateTimeToLive` need to know of it, spelled as they spell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Table {
    /// The resource's name in the template, for example `RulesTable`.
    #[serde(skip)]
    pub logical_id: String,
    /// The attributes that identify an item.
    pub key_schema: Vec<KeyElement>,
    /// The types of all attributes that are part of some key.
    pub attribute_definitions: Vec<AttributeDefinition>,
    /// The global secondary indexes; none if the template has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub global_secondary_indexes: Vec<Index>,
    /// When items expire; they never do if the template does not say.
    #[serde(skip_serializing)]
    pub time_to_live_specification: Option<TimeToLive>,
}

/// One attribute of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyElement {
    /// The attribute's name.
    pub attribute_name: String,
    /// `HASH` or `RANGE`.
    pub key_type: String,
}

/// The type of one attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttributeDefinition {
    /// The attribute's name.
    pub attribute_name: String,
    /// `S`, `N` or `B`.
    pub attribute_type: String,
}

/// One global secondary index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Index {
    /// The name a query gives.
    pub index_name: String,
    /// The attributes the index is ordered by.
    pub key_schema: Vec<KeyElement>,
    /// What the index holds of an item.
    pub projection: Projection,
}

/// What an index holds of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Projection {
    /// `ALL`, `KEYS_ONLY` or `INCLUDE`.
    pub projection_type: String,
    /// The attributes beside the keys, for `INCLUDE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub non_key_attributes: Vec<String>,
}

/// The attribute that says when an item expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimeToLive {
    /// The attribute's name.
    pub attribute_name: String,
    /// Whether items expire at all.
    pub enabled: bool,
}

/// One queue: what `CreateQueue` needs to know of it, spelled as the template spells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Queue {
    /// The resource's name in the template, for example `SpillQueue`.
    #[serde(skip)]
    pub logical_id: String,
    /// How long a message that was taken is hidden, in seconds.
    pub visibility_timeout: Option<u32>,
    /// The largest message.
    #[serde(rename = "MaximumMessageSize")]
    pub maximum_message_bytes: Option<u32>,
    /// How long a message is kept, in seconds.
    #[serde(rename = "MessageRetentionPeriod")]
    pub message_retention_seconds: Option<u32>,
}

impl Queue {
    /// What it is created with: SQS wants every value as a text.
    pub fn attributes(&self) -> Value {
        let fields = json!(self);
        let fields = fields.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        fields.map(|(name, value)| (name.clone(), json!(value.to_string()))).collect()
    }
}

/// Why a template gave no tables or queues.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Not YAML at all.
    #[error("the template is not YAML ({0}); `sam validate --lint` shows the place")]
    Yaml(#[from] saphyr::ScanError),
    /// YAML, but not a template.
    #[error("the template has no mapping `Resources`; give a SAM or CloudFormation template")]
    NoResources,
    /// There is no such table or queue.
    #[error("the template has no {0}")]
    Undefined(&'static str),
    /// A table or queue lacks something, or has it in a form that only CloudFormation can resolve.
    #[error("{logical_id}.Properties{path} in the template: {reason}; write it literally")]
    Resource {
        /// The resource's logical id.
        logical_id: String,
        /// Where in its properties: empty, or a path with its leading dot.
        path: String,
        /// What is wrong there.
        reason: serde_json::Error,
    },
}

/// All tables of a template, in its order.
pub fn tables(template: &str) -> Result<Vec<Table>, TemplateError> {
    let named = |(logical_id, table)| Table { logical_id, ..table };
    Ok(resources(template, "AWS::DynamoDB::Table")?.into_iter().map(named).collect())
}

/// All queues of a template, in its order.
pub fn queues(template: &str) -> Result<Vec<Queue>, TemplateError> {
    let named = |(logical_id, queue)| Queue { logical_id, ..queue };
    Ok(resources(template, "AWS::SQS::Queue")?.into_iter().map(named).collect())
}

/// The table with this logical id.
pub fn table(template: &str, logical_id: &'static str) -> Result<Table, TemplateError> {
    let table = tables(template)?.into_iter().find(|table| table.logical_id == logical_id);
    table.ok_or(TemplateError::Undefined(logical_id))
}

/// The queue with this logical id.
pub fn queue(template: &str, logical_id: &'static str) -> Result<Queue, TemplateError> {
    let queue = queues(template)?.into_iter().find(|queue| queue.logical_id == logical_id);
    queue.ok_or(TemplateError::Undefined(logical_id))
}

/// One statement of a function's policies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Its name.
    pub sid: String,
    /// What it allows.
    #[serde(deserialize_with = "one_or_more")]
    pub action: Vec<String>,
    /// On what: the text behind `!GetAtt`, `!Ref` or `!Sub`.
    pub resource: String,
}

/// The statements of a function's policies, those under a condition included.
pub fn statements(template: &str, function: &str) -> Result<Vec<Statement>, TemplateError> {
    #[derive(Deserialize)]
    struct Function {
        #[serde(rename = "Policies")]
        policies: Value,
    }
    let functions = resources::<Function>(template, "AWS::Serverless::Function")?;
    let policies = functions.into_iter().find(|(id, _)| id == function).map(|(_, found)| found.policies);
    let mut found = Vec::new();
    collect(&policies.unwrap_or_default(), &mut found);
    let read = |statement: Value| serde_json::from_value(statement);
    found.into_iter().map(read).collect::<Result<_, _>>().map_err(|reason| TemplateError::Resource {
        logical_id: function.to_owned(),
        path: ".Policies".to_owned(),
        reason,
    })
}

/// Whatever has an action, however deep: conditions are lists with a statement in them.
fn collect(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields) if fields.contains_key("Action") => found.push(value.clone()),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        Value::Array(items) => items.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

fn one_or_more<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Actions {
        One(String),
        More(Vec<String>),
    }
    Ok(match Actions::deserialize(deserializer)? {
        Actions::One(action) => vec![action],
        Actions::More(actions) => actions,
    })
}

/// The properties of all resources of a type, by logical ids.
fn resources<T: DeserializeOwned>(template: &str, kind: &str) -> Result<Vec<(String, T)>, TemplateError> {
    let documents = Yaml::load_from_str(template)?;
    let resources = documents
        .first()
        .and_then(|document| document.as_mapping_get("Resources"))
        .and_then(Yaml::as_mapping)
        .ok_or(TemplateError::NoResources)?;
    resources
        .iter()
        .filter(|(_, resource)| resource.as_mapping_get("Type").and_then(Yaml::as_str) == Some(kind))
        .map(|(id, resource)| {
            let id = id.as_str().unwrap_or_default();
            properties(id, resource).map(|properties| (id.to_owned(), properties))
        })
        .collect()
}

fn properties<T: DeserializeOwned>(logical_id: &str, resource: &Yaml<'_>) -> Result<T, TemplateError> {
    // Without properties every key is missing, which is the better message.
    let properties =
        resource.as_mapping_get("Properties").map_or_else(|| Value::Object(Default::default()), untagged);
    serde_path_to_error::deserialize(properties).map_err(|error| {
        let path = error.path().to_string();
        TemplateError::Resource {
            logical_id: logical_id.to_owned(),
            path: if path == "." { String::new() } else { format!(".{path}") },
            reason: error.into_inner(),
        }
    })
}

/// The same value as JSON, without tags. Keys that are no strings are left out: no table has any.
fn untagged(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Tagged(_, node) => untagged(node),
        Yaml::Sequence(items) => items.iter().map(untagged).collect(),
        Yaml::Mapping(entries) => entries
            .iter()
            .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), untagged(value))))
            .collect(),
        Yaml::Value(Scalar::String(text)) => text.as_ref().into(),
        Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.into_inner().into(),
        _ => Value::Null,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOTES: &str = r#"
Transform: AWS::Serverless-2016-10-31
Conditions:
  Keep: !Equals [!Ref Stage, prod]
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties: { DefinitionBody: { responses: { 200: { description: ok } } } }
  NotesTable:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: !If [Keep, Retain, Delete]
    Properties:
      TableName: !Sub "${AWS::StackName}-notes"
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - { AttributeName: pk, AttributeType: S }
        - { AttributeName: sk, AttributeType: S }
        - { AttributeName: by_user, AttributeType: S }
      KeySchema:
        - { AttributeName: pk, KeyType: HASH }
        - { AttributeName: sk, KeyType: RANGE }
      GlobalSecondaryIndexes:
        - IndexName: by-user
          KeySchema: [{ AttributeName: by_user, KeyType: HASH }]
          Projection: { ProjectionType: INCLUDE, NonKeyAttributes: [!Sub title] }
      SSESpecification: { KMSMasterKeyId: !GetAtt Key.Arn, SSEEnabled: !If [Keep, true, false] }
      TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true }
  PlainTable:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{ AttributeName: id, AttributeType: N }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
"#;

    #[test]
    fn a_table_is_read_through_cloudformation_tags() {
        let tables = tables(NOTES).unwrap();
        let [notes, plain] = &tables[..] else { panic!("two tables: {tables:?}") };

        assert_eq!(notes.logical_id, "NotesTable");
        assert_eq!(names(&notes.key_schema), [("pk", "HASH"), ("sk", "RANGE")]);
        assert_eq!(notes.attribute_definitions.len(), 3);
        let [index] = &notes.global_secondary_indexes[..] else { panic!("one index: {notes:?}") };
        assert_eq!(index.index_name, "by-user");
        assert_eq!(names(&index.key_schema), [("by_user", "HASH")]);
        assert_eq!(index.projection.projection_type, "INCLUDE");
        assert_eq!(index.projection.non_key_attributes, ["title"]);
        let expires = TimeToLive { attribute_name: "expires_at".into(), enabled: true };
        assert_eq!(notes.time_to_live_specification, Some(expires));

        assert_eq!(plain.logical_id, "PlainTable");
        assert_eq!(names(&plain.key_schema), [("id", "HASH")]);
        assert!(plain.global_secondary_indexes.is_empty());
        assert_eq!(plain.time_to_live_specification, None);
    }

    #[test]
    fn the_template_of_this_workspace_has_both_tables() {
        let tables = tables(TEMPLATE).unwrap();
        let ids: Vec<_> = tables.iter().map(|table| table.logical_id.as_str()).collect();
        assert_eq!(ids, ["RulesTable", "SessionsTable"]);
        for table in &tables {
            assert_eq!(names(&table.key_schema), [("pk", "HASH"), ("sk", "RANGE")]);
        }
    }

    #[test]
    fn a_queue_is_created_with_texts() {
        let queues = queues(TEMPLATE).unwrap();
        let ids: Vec<_> = queues.iter().map(|queue| queue.logical_id.as_str()).collect();
        assert_eq!(ids, ["SpillQueue", "SpillDeadLetterQueue"]);
        let expected = json!({
            "VisibilityTimeout": "180", "MaximumMessageSize": "1048576", "MessageRetentionPeriod": "1209600",
        });
        assert_eq!(queues[0].attributes(), expected);
    }

    #[test]
    fn every_statement_names_single_actions_on_one_resource() {
        for function in ["AssignAgentFunction", "SessionEventsFunction"] {
            let statements = statements(TEMPLATE, function).unwrap();
            assert!(!statements.is_empty(), "{function}");
            for statement in statements {
                let starred = |text: &String| text.contains('*');
                assert!(
                    !statement.action.iter().any(starred) && !starred(&statement.resource),
                    "{statement:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_missing_or_not_literal_is_named() {
        for (properties, message) in [
            ("{}", "T.Properties in the template: missing field `KeySchema`"),
            (
                "{ KeySchema: [{ AttributeName: pk }], AttributeDefinitions: [] }",
                "T.Properties.KeySchema[0] in the template: missing field `KeyType`",
            ),
            (
                "{ KeySchema: !If [A, [], []], AttributeDefinitions: [] }",
                "T.Properties.KeySchema[0] in the template: invalid type: string \"A\"",
            ),
        ] {
            let template =
                format!("Resources: {{ T: {{ Type: AWS::DynamoDB::Table, Properties: {properties} }} }}");
            let error = tables(&template).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        assert!(matches!(
            tables("Resources: { T: { Type: AWS::DynamoDB::Table } }"),
            Err(TemplateError::Resource { .. })
        ));
    }

    #[test]
    fn what_is_no_template_is_refused() {
        assert!(matches!(tables("Resources: ["), Err(TemplateError::Yaml(_))));
        for template in ["", "just text", "Resources:", "Parameters: {}"] {
            assert!(matches!(tables(template), Err(TemplateError::NoResources)), "{template:?}");
        }
        assert_eq!(tables("Resources: { Q: { Type: AWS::SQS::Queue } }").unwrap(), []);
    }

    fn names(keys: &[KeyElement]) -> Vec<(&str, &str)> {
        keys.iter().map(|key| (key.attribute_name.as_str(), key.key_type.as_str())).collect()
    }
}
