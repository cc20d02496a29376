//! The schemas in the editor that authors use: the real YAML language server, over its own protocol.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value as Json, json};
use support::component::yaml_language_server;
use support::root;

/// Longer than any answer takes; a server that is stuck ends the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A language server that knows no schema but the one that the first line of a document names.
struct Server {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Json>,
    last: u32,
    diagnostics: BTreeMap<String, Vec<Json>>,
}

impl Server {
    /// Starts one, or `None` where it is not installed.
    fn start() -> Option<Self> {
        let mut child = yaml_language_server()?.current_dir(root()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut server = Self { child, input, messages, last: 0, diagnostics: BTreeMap::new() };
        let capabilities = json!({
            "workspace": { "configuration": true },
            "textDocument": { "completion": { "completionItem": { "snippetSupport": true, "documentationFormat": ["markdown"] } }, "hover": {} },
        });
        server.ask("initialize", &json!({ "processId": std::process::id(), "rootUri": uri(""), "capabilities": capabilities }));
        server.send(&json!({ "jsonrpc": "2.0", "method": "initialized", "params": {} }));
        Some(server)
    }

    fn send(&mut self, message: &Json) {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.input.flush().unwrap();
    }

    /// One message; questions of the server are answered, findings kept.
    fn next(&mut self) -> Json {
        let message = self.messages.recv_timeout(PATIENCE).expect("the language server does not answer");
        match (message["method"].as_str(), message.get("id")) {
            (Some("workspace/configuration"), Some(id)) => {
                let settings = json!({ "validate": true, "completion": true, "hover": true, "schemaStore": { "enable": false }, "kubernetesCRDStore": { "enable": false } });
                let items = message["params"]["items"].as_array().unwrap().iter();
                let answers: Vec<Json> = items.map(|item| if item["section"] == "yaml" { settings.clone() } else { json!({}) }).collect();
                self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": answers }));
            }
            (Some(_), Some(id)) => self.send(&json!({ "jsonrpc": "2.0", "id": id, "result": null })),
            (Some("textDocument/publishDiagnostics"), None) => {
                let params = &message["params"];
                self.diagnostics.insert(params["uri"].as_str().unwrap().to_owned(), params["diagnostics"].as_array().unwrap().clone());
            }
            _ => {}
        }
        message
    }

    fn ask(&mut self, method: &str, params: &Json) -> Json {
        self.last += 1;
        let id = self.last;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.next();
            if message["id"] == id && message.get("method").is_none() {
                assert!(message.get("error").is_none(), "{message}");
                return message["result"].clone();
            }
        }
    }

    fn open(&mut self, path: &str, text: &str) -> String {
        let uri = uri(path);
        self.send(&json!({
            "jsonrpc": "2.0",
            "method": "textDocument/didOpen",
            "params": { "textDocument": { "uri": uri, "languageId": "yaml", "version": 1, "text": text } },
        }));
        uri
    }

    /// What the server says of a document: line (from 1) and message.
    fn findings(&mut self, path: &str, text: &str) -> Vec<(u64, String)> {
        let uri = self.open(path, text);
        while !self.diagnostics.contains_key(&uri) {
            self.next();
        }
        let findings = &self.diagnostics[&uri];
        findings.iter().map(|finding| (finding["range"]["start"]["line"].as_u64().unwrap() + 1, finding["message"].as_str().unwrap().to_owned())).collect()
    }

    /// Asks about the place marked `|` in a step.
    fn at_mark(&mut self, method: &str, path: &str, step: &str) -> Json {
        let text = playbook(step);
        let at = text.find('|').expect("a mark");
        let (line, column) = (text[..at].matches('\n').count(), text[..at].rsplit('\n').next().unwrap().encode_utf16().count());
        let uri = self.open(path, &text.replacen('|', "", 1));
        self.ask(method, &json!({ "textDocument": { "uri": uri }, "position": { "line": line, "character": column } }))
    }

    fn completions(&mut self, path: &str, step: &str) -> BTreeMap<String, Json> {
        let answer = self.at_mark("textDocument/completion", path, step);
        let items = answer.get("items").unwrap_or(&answer).as_array().cloned().unwrap_or_default();
        items.into_iter().map(|item| (item["label"].as_str().unwrap().to_owned(), item)).collect()
    }

    fn hover(&mut self, path: &str, step: &str) -> String {
        let answer = self.at_mark("textDocument/hover", path, step);
        answer["contents"]["value"].as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One message of the protocol: headers, an empty line, JSON.
fn read(output: &mut impl BufRead) -> Option<Json> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            header => length = header.strip_prefix("Content-Length:").and_then(|number| number.trim().parse().ok()).or(length),
        }
    }
    let mut body = vec![0; length?];
    output.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn uri(path: &str) -> String {
    format!("file://{}", root().join(path).display())
}

/// A playbook with one step, as an editor holds it before it is saved.
fn playbook(step: &str) -> String {
    format!(
        "# yaml-language-server: $schema=../../schemas/playbook.json\nkirikae: playbook/1\nid: obn/draft\nversion: \"1.0.0\"\ntitle: 下書き\n\
         backends: {{ personal: store }}\nsteps:\n  current:\n{step}"
    )
}

/// Every YAML file of a folder below `playbooks/`.
fn shipped() -> Vec<String> {
    let mut found = vec![];
    let mut open = vec![root().join("playbooks")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "yaml") {
                found.push(entry.strip_prefix(root()).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn shipped_documents_have_no_findings() {
    let Some(mut server) = Server::start() else { return };
    let files = shipped();
    assert!(files.len() >= 9, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema="), "{file} names its schema");
        assert_eq!(server.findings(&file, &text), vec![], "{file}");
    }
}

#[test]
fn mistakes_are_shown_on_their_line() {
    let Some(mut server) = Server::start() else { return };
    let cases: [(&str, &str, u64, &str); 7] = [
        ("misspelt-key", "    titel: 探す\n    uses: cert.find@1\n    with: { in: personal, issuer: \"*\" }\n", 9, "titel"),
        ("misspelt-input", "    title: 探す\n    uses: cert.find@1\n    with:\n      in: personal\n      isuer: \"*\"\n", 13, "isuer"),
        ("missing-input", "    title: 探す\n    uses: cert.find@1\n    with:\n      in: personal\n", 11, "issuer"),
        ("unknown-action", "    title: 探す\n    uses: cert.fnd@1\n", 10, "cert.find@1"),
        ("wrong-word", "    title: 探す\n    uses: cert.find@1\n    with: { in: personal, issuer: \"*\", pick: best }\n", 11, "newest"),
        ("secret-written-out", "    title: 見る\n    uses: p12.inspect@1\n    with: { file: \"${{ steps.a.file }}\", password: abcd }\n", 11, "pattern"),
        ("reserved-word", "    title: 探す\n    timeout: 3m\n    uses: cert.find@1\n    with: { in: personal, issuer: \"*\" }\n", 10, "timeout"),
    ];
    for (name, step, line, words) in cases {
        let found = server.findings(&format!("playbooks/obn/draft-{name}.yaml"), &playbook(step));
        assert!(found.iter().any(|(at, message)| *at == line && message.contains(words)), "{name}: {found:#?}");
    }
}

#[test]
fn completion_offers_the_actions_with_what_they_do() {
    let Some(mut server) = Server::start() else { return };
    let offered = server.completions("playbooks/obn/draft-uses.yaml", "    title: 探す\n    uses: |\n");
    for manifest in kirikae_engine::action::registry().manifests() {
        let item = offered.get(&manifest.reference()).unwrap_or_else(|| panic!("{} in {:?}", manifest.reference(), offered.keys()));
        assert!(item["documentation"].to_string().contains(manifest.title.ja), "{item}");
    }
}

#[test]
fn completion_offers_the_inputs_of_the_chosen_action_only() {
    let Some(mut server) = Server::start() else { return };
    for manifest in kirikae_engine::action::registry().manifests() {
        let step = format!("    title: 試し\n    uses: {}\n    with:\n      |\n", manifest.reference());
        let offered = server.completions(&format!("playbooks/obn/draft-with-{}.yaml", manifest.name), &step);
        let own: Vec<&str> = manifest.inputs.iter().map(|input| input.name.as_str()).collect();
        assert!(own.iter().all(|name| offered.contains_key(*name)), "{}: {:?}", manifest.name, offered.keys());
        let others = kirikae_engine::action::registry().manifests().flat_map(|other| &other.inputs).map(|input| input.name.as_str());
        let strays: Vec<&str> = others.filter(|name| !own.contains(name) && offered.contains_key(*name)).collect();
        assert!(strays.is_empty(), "{}: {strays:?}", manifest.name);
    }
    let words = server.completions("playbooks/obn/draft-pick.yaml", "    title: 試し\n    uses: cert.find@1\n    with:\n      pick: |\n");
    assert!(["only", "newest", "oldest"].iter().all(|word| words.contains_key(*word)), "{:?}", words.keys());
}

/// What an editor inserts for every action is a step that the schema takes.
#[test]
fn a_whole_step_can_be_inserted() {
    let Some(mut server) = Server::start() else { return };
    let offered = server.completions("playbooks/obn/draft-step.yaml", "    |\n");
    for manifest in kirikae_engine::action::registry().manifests() {
        let label = format!("{} {}", manifest.reference(), manifest.title.ja);
        let item = offered.get(&label).unwrap_or_else(|| panic!("{label} in {:?}", offered.keys()));
        let step = typed(item["textEdit"]["newText"].as_str().or(item["insertText"].as_str()).unwrap());
        if manifest.name == "cert.delete" {
            insta::assert_snapshot!(step);
        }
        let indented: String = step.lines().map(|line| format!("    {line}\n")).collect();
        assert_eq!(server.findings(&format!("playbooks/obn/draft-step-{}.yaml", manifest.name), &playbook(&indented)), vec![], "{indented}");
    }
}

/// A snippet as it stands when every place is left as it is: `${1:text}` is `text`, `\\$` is `$`.
fn typed(snippet: &str) -> String {
    let (mut out, mut rest, mut inside) = (String::new(), snippet, false);
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match letter {
            '\\' => {
                let escaped = rest.chars().next().unwrap();
                out.push(escaped);
                rest = &rest[escaped.len_utf8()..];
            }
            '$' if rest.starts_with('{') && !inside => {
                rest = &rest[rest.find(':').unwrap() + 1..];
                inside = true;
            }
            '}' if inside => inside = false,
            other => out.push(other),
        }
    }
    out
}

#[test]
fn hover_explains_in_japanese() {
    let Some(mut server) = Server::start() else { return };
    let rest = "    uses: cert.find@1\n    with: { in: personal, issuer: \"*\" }\n";
    let guard = "[{ that: \"true\", say: はい }]";
    let cases = [
        ("require", format!("    title: 試し\n    req|uire: {guard}\n{rest}"), "前に確かめる"),
        ("expect", format!("    title: 試し\n    exp|ect: {guard}\n{rest}"), "後で確かめる"),
        ("cite", format!("    title: 試し\n    ci|te: obn_edge#1\n{rest}"), "出典"),
        ("repeat", format!("    title: 試し\n    rep|eat: {{ until: \"true\", every: 30s, within: 1h }}\n{rest}"), "くり返し見る"),
        ("retry", format!("    title: 試し\n    re|try: {{ errors: [PORTAL.BUSY], times: 3, wait: 30s }}\n{rest}"), "やり直す"),
        ("rescue", format!("    title: 試し\n    res|cue: {{ PORTAL.BUSY: {{ say: はい, then: stop }} }}\n{rest}"), "こんなときは"),
        ("when", format!("    title: 試し\n    wh|en: \"true\"\n{rest}"), "するとき"),
        ("uses", "    title: 試し\n    uses: cert.f|ind@1\n    with: { in: personal, issuer: \"*\" }\n".to_owned(), "証明書を探す"),
        ("with", "    title: 試し\n    uses: cert.find@1\n    wi|th: { in: personal, issuer: \"*\" }\n".to_owned(), "渡すもの"),
        ("input", "    title: 試し\n    uses: cert.find@1\n    with: { in: personal, iss|uer: \"*\" }\n".to_owned(), "発行者(証明書の一覧に出る名前)"),
    ];
    for (name, step, words) in cases {
        let shown = server.hover(&format!("playbooks/obn/draft-hover-{name}.yaml"), &step);
        assert!(shown.replace('\\', "").contains(words), "{name}: {shown}");
    }
}
