//! The schemas take the shipped documents, refuse mistakes, and are the committed ones.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use kirikae_engine::action::registry;
use kirikae_engine::dsl::schema::{NAMES, schema};
use kirikae_engine::plan::plan_schema;
use serde_json::{Value as Json, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn parsed(text: &str) -> Json {
    serde_yaml::from_str(text).unwrap()
}

fn document(path: &str) -> Json {
    parsed(&std::fs::read_to_string(root().join(path)).unwrap())
}

fn errors(name: &str, document: &Json) -> Vec<String> {
    let schema = schema(name, registry()).unwrap();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn assert_valid(name: &str, path: &str) {
    assert_eq!(errors(name, &document(path)), Vec::<String>::new(), "{path}");
}

/// `renew-web` with one place changed.
fn changed(from: &str, to: &str) -> Json {
    let text = std::fs::read_to_string(root().join("playbooks/obn/renew-web.yaml")).unwrap();
    assert!(text.contains(from), "{from}");
    parsed(&text.replacen(from, to, 1))
}

#[test]
fn the_shipped_documents_are_valid() {
    for folder in ["playbooks/obn", "playbooks/common"] {
        let mut seen = 0;
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".yaml") {
                let kind = if name.ends_with(".test.yaml") { "test" } else { "playbook" };
                assert_valid(kind, &format!("{folder}/{name}"));
                seen += 1;
            }
        }
        assert!(seen > 0, "{folder}");
    }
    assert_valid("portal", "playbooks/portals/obn.yaml");
    assert_valid("sources", "playbooks/sources.yaml");
}

#[test]
fn mistakes_in_a_step_are_refused_at_their_place() {
    let mistakes = [
        ("      key: true\n", "      kye: true\n", "/steps/current/with"),
        ("      in: personal\n", "", "/steps/current/with"),
        ("pick: newest", "pick: best", "/steps/current/with/pick"),
        ("uses: cert.find@1", "uses: cert.fnd@1", "/steps/current/uses"),
        ("        then: finish", "        then: leave", "/steps/current/expect/0/then"),
        ("every: 30s", "every: 30", "/steps/issued/repeat/every"),
        ("value: \"${{ steps.request.reference_id }}\"", "value: abcd", "/steps/keep_id/with/value"),
        ("    uses: ca.renew@1", "    timeout: 3m\n    uses: ca.renew@1", "/steps/request"),
    ];
    for (from, to, place) in mistakes {
        let found = errors("playbook", &changed(from, to));
        assert!(found.len() == 1 && found[0].starts_with(&format!("{place}: ")), "{to}: {found:#?}");
    }
}

#[test]
fn a_portal_action_takes_what_its_profile_adds() {
    let playbook = changed("password: \"${{ secrets.p12_password }}\"", "password: \"${{ secrets.p12_password }}\"\n      extra: abc");
    assert_eq!(errors("playbook", &playbook), Vec::<String>::new());
}

#[test]
fn expressions_stand_for_values_that_are_not_text() {
    assert_eq!(errors("playbook", &changed("      key: true\n", "      key: \"${{ inputs.medical_code == '1' }}\"\n")), Vec::<String>::new());
    assert_eq!(errors("playbook", &changed("      key: true\n", "      key: \"true\"\n")).len(), 1);
}

#[test]
fn a_site_names_its_backends_and_never_holds_a_secret() {
    let site = |backends: &str, secrets: &str| {
        parsed(&format!(
            "kirikae: site/1\nid: sakura/uketsuke\ntitle: 受付\nbackends: {backends}\nsecrets: {secrets}\ninputs: {{ medical_code: \"0110119153\", days: 60 }}\n\
             portals: {{ obn: {{ proxy: {{ url: \"http://proxy:8080\", password: ask }}, absent_after: 40s }} }}\n"
        ))
    };
    let good = "{ personal: { store: dir, path: ./store }, backup: { folder: \"E:/kirikae\", removable: true } }";
    let source = "{ obn/renew-web.p12_password: { generate: digits(4) } }";
    assert_eq!(errors("site", &site(good, source)), Vec::<String>::new());
    assert_eq!(errors("site", &site("{ personal: { stor: dir } }", source)).len(), 1);
    assert_eq!(errors("site", &site(good, "{ obn/renew-web.p12_password: \"1234\" }")).len(), 1);
    assert_eq!(errors("site", &site(good, "{ p12_password: ask }")).len(), 1);
}

#[test]
fn a_misspelt_key_of_a_page_is_refused() {
    let mut portal = document("playbooks/portals/obn.yaml");
    portal["operations"]["probe"]["pages"][0]["sees"] = json!("a");
    assert_eq!(errors("portal", &portal).len(), 1);
}

/// File name and text of every committed schema.
fn files() -> Vec<(String, String)> {
    let mut schemas: Vec<_> = NAMES.iter().map(|name| (*name, schema(name, registry()).unwrap())).collect();
    schemas.push(("plan", plan_schema()));
    schemas.iter().map(|(name, schema)| (format!("{name}.json"), serde_json::to_string_pretty(schema).unwrap() + "\n")).collect()
}

#[test]
fn the_committed_schemas_are_those_of_the_engine() {
    for (name, text) in files() {
        let committed = std::fs::read_to_string(root().join("schemas").join(&name)).unwrap_or_default();
        assert!(committed == text, "schemas/{name} is not what the engine says; run: cargo test -p kirikae-engine --test schemas -- --ignored");
    }
}

#[test]
#[ignore = "writes schemas/*.json; run it after a change of the language"]
fn write_the_schemas() {
    for (name, text) in files() {
        std::fs::write(root().join("schemas").join(name), text).unwrap();
    }
}
