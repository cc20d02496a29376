//! Sub-playbooks of a random playbook.

use std::fmt::Write as _;

use super::rng::Rng;

/// What a sub-playbook is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Looks into a file and imports it; output `cert`.
    Install,
    /// Proves a certificate; output `proof`.
    Prove,
    /// Tells somebody.
    Tell,
}

impl Part {
    /// Its text.
    pub(super) fn write(self, rng: &mut Rng, id: &str, rate: u64) -> String {
        let (backends, inputs, secrets, outputs) = match self {
            Self::Install => (
                "  personal: store\n",
                "  file: { type: file, title: ファイル }\n",
                "secrets:\n  p12_password: { type: string, title: 暗証 }\n",
                "outputs:\n  cert: steps.put.cert\n",
            ),
            Self::Prove => ("  issuer: { kind: ca, profile: obn }\n", "  cert: { type: cert, title: 証明書 }\n", "", "outputs:\n  proof: steps.prove.proof\n"),
            Self::Tell => ("", "  words: { type: text, title: 言葉 }\n", "", ""),
        };
        let backends = if backends.is_empty() { String::new() } else { format!("backends:\n{backends}") };
        let mut steps = String::new();
        match self {
            Self::Install => {
                let given = "file: \"${{ inputs.file }}\", password: \"${{ secrets.p12_password }}\"";
                step(&mut steps, "look", "p12.inspect", given);
                if rng.chance(rate / 2) {
                    steps.push_str("    expect: [ { that: result.cert.has_key, say: 鍵が無い。 } ]\n");
                }
                step(
                    &mut steps,
                    "put",
                    "cert.import",
                    &format!("{given}, in: personal, exportable: true, strong_protection: false, extended_properties: true"),
                );
                if rng.chance(rate / 2) {
                    steps.push_str("    retry: { errors: [STORE.LOCKED], times: 2, wait: 30s }\n");
                }
            }
            Self::Prove => {
                step(&mut steps, "prove", "web.probe", "client_cert: \"${{ inputs.cert }}\"");
                if rng.chance(rate / 2) {
                    steps.push_str("    retry: { errors: [PORTAL.BUSY, NET.UNREACHABLE], times: 3, wait: 1m }\n");
                }
                if rng.chance(rate / 2) {
                    step(&mut steps, "seen", "human.confirm", "ask: 画面を見ましたか。");
                }
            }
            Self::Tell => {
                step(&mut steps, "tell", "notify.send", "to: 担当者, subject: \"${{ inputs.words }}\", body: 本文");
                if rng.chance(rate / 2) {
                    steps.push_str("    rescue:\n      NOTIFY.UNREACHABLE: { say: 知らせられません。, then: resume }\n");
                }
                if rng.chance(rate / 2) {
                    step(&mut steps, "told", "human.confirm", "ask: \"${{ inputs.words }}\"");
                    steps.push_str("    needs: []\n");
                }
            }
        }
        format!(
            "kirikae: playbook/1\nid: {id}\nversion: \"1.0.0\"\ntitle: 部品\nsources: [obn_edge]\n{backends}inputs:\n{inputs}{secrets}steps:\n{steps}{outputs}"
        )
    }
}

fn step(steps: &mut String, id: &str, uses: &str, with: &str) {
    let _ = write!(steps, "  {id}:\n    title: 手順{id}\n    uses: {uses}@1\n    with: {{ {with} }}\n");
}
