//! Texts that are big, deep, wide or wrong in every line; for the bench and for the tests.

/// A playbook of so many lines at least, without an error.
pub fn playbook(lines: usize) -> String {
    let mut text = String::from(HEAD);
    let mut index = 0;
    while text.lines().count() < lines {
        let step = format!(
            "  # step {index}\n  ask{index}:\n    title: {{ ja: 確かめる, en: Look }}\n    cite: [obn_edge#1.3, obn_edge#2.2]\n    uses: human.confirm@1\n    \
             when: inputs.limit > {index} and inputs.code != '0000000000'\n    with:\n      ask: \"${{{{ inputs.code }}}} の残りは ${{{{ inputs.limit }}}} 日です。\"\n      \
             do:\n        - {{ do: 画面を見る, cite: obn_edge#1.3 }}\n    expect:\n      - that: result.by != ''\n        say: 名前がありません。\n"
        );
        text.push_str(&step);
        index += 1;
    }
    text
}

const HEAD: &str = "kirikae: playbook/1\nid: case/big\nversion: \"1.0.0\"\ntitle: 例\nsources: [obn_edge]\nbackends:\n  personal: store\n  backup: folder\n\
    inputs:\n  code: { type: digits(10), title: 番号 }\n  limit: { type: int, default: 90, title: 日数 }\nsteps:\n";

/// `piece` until the size is reached.
fn filled(start: &str, piece: impl Fn(usize) -> String, size: usize) -> String {
    let mut text = start.to_owned();
    for index in 0.. {
        let next = piece(index);
        if text.len() + next.len() > size {
            break;
        }
        text.push_str(&next);
    }
    text
}

/// Names and texts of at most `size` bytes. Those that are no error begin with `fine`.
pub fn files(size: usize) -> Vec<(&'static str, String)> {
    let before_steps = HEAD.strip_suffix("steps:\n").unwrap_or(HEAD);
    let step = |index: usize, body: &str| format!("  s{index}:\n    title: x\n    uses: human.confirm@1\n{body}    with: {{ ask: x }}\n");
    let first = format!("{HEAD}{}", step(0, ""));
    vec![
        ("deep lists", filled("", |_| "[".into(), size)),
        ("deep mappings", filled("", |_| "{a: ".into(), size)),
        ("deep block", filled("", |index| format!("{}a:\n", " ".repeat(index)), size)),
        ("deep dashes", filled("", |_| "- ".into(), size)),
        ("question marks", filled("", |_| "? ".into(), size)),
        ("wide list", filled("[", |_| "1,".into(), size)),
        ("wide mapping", filled("", |index| format!("k{index}: 1\n"), size)),
        ("one key again and again", filled("", |_| "a: 1\n".into(), size)),
        ("lone keys", filled("{a: b", |_| ", c".into(), size)),
        ("aliases", filled("a: [", |_| "*a,".into(), size)),
        ("anchors", filled("a: [", |index| format!("&a{index} 1,"), size)),
        ("tags", filled("a: [", |_| "!t 1,".into(), size)),
        ("billion laughs", "a: &a [x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n".into()),
        ("long scalar", filled("title: ", |_| "あ".into(), size)),
        ("long quoted scalar", format!("{}\"", filled("title: \"", |_| "\\u3042".into(), size - 1))),
        ("long block", filled("title: |\n", |_| "  あいう\n".into(), size)),
        ("folded lines", filled("title: >\n", |_| "  x\n\n".into(), size)),
        ("one long line", filled("#", |_| "#".into(), size)),
        ("comments", filled("", |_| "# x\n".into(), size)),
        ("comments beside values", filled("a:\n", |_| "- x 'y #z\n".into(), size)),
        ("line ends", filled("", |_| "\n".into(), size)),
        ("blanks", filled("", |_| " ".into(), size)),
        ("full-width spaces", filled("a: [", |_| "\u{3000}b,".into(), size)),
        ("full-width colons", filled("", |_| "a：".into(), size)),
        ("full-width colons in lines", filled("a: b\n", |_| "c：d\n".into(), size)),
        ("unclosed quote", filled("a: \"", |_| "x\n".into(), size)),
        ("quotes", filled("a: ", |_| "'".into(), size)),
        ("controls", filled("a: ", |_| "\u{1}".into(), size)),
        ("unknown keys", filled(before_steps, |index| format!("key{index}: 1\n"), size)),
        ("misspelt inputs", filled(&format!("{before_steps}steps: {{}}\ninputs2:\n"), |index| format!("  i{index}: {{ typ: int, titel: x }}\n"), size)),
        ("twenty thousand errors", filled(before_steps, |index| format!("  i{index}: {{ type: in, title: x }}\n"), size)),
        ("twenty thousand names", filled(before_steps, |index| format!("  I{index}: {{ type: int, title: x }}\n"), size)),
        ("one name again and again", filled(&format!("{before_steps}secrets:\n"), |index| format!("  n{index}: {{ type: digits(4), title: x }}\n"), size)),
        ("unknown steps", filled(&first, |index| step(index + 1, &format!("    when: steps.x{index}.outcome == 'changed'\n")), size)),
        ("thousands of steps", filled(HEAD, |index| step(index, ""), size)),
        (
            "needs of all",
            filled(
                HEAD,
                |index| step(index, &format!("    needs: [{}]\n", (0..index.min(400)).map(|at| format!("s{at}, ")).collect::<String>() + "nowhere")),
                size,
            ),
        ),
        ("lets that wait", filled(&format!("{first}let:\n"), |index| format!("  l{index}: let.l{} + 1\n", index + 1), size)),
        ("kept secrets that wait", {
            let last = |step: usize| {
                format!("      pin{step}: {{ type: digits(4), title: x, kept: {{ name: a, about: \"${{{{ steps.s990.by }}}}\" }} }}\n").replace("      ", "  ")
            };
            let secrets: String = (0..300).map(last).collect();
            filled(&format!("{before_steps}secrets:\n{secrets}steps:\n"), |index| step(index, ""), size.min(90_000))
        }),
        ("lets that wait for the last step", {
            let lets: String = (0..300).map(|index| format!("  l{index}: steps.s990.by\n")).collect();
            filled(&format!("{before_steps}let:\n{lets}steps:\n"), |index| step(index, ""), size.min(90_000))
        }),
        ("lets in a chain", filled(&format!("{first}let:\n  l0: 1\n"), |index| format!("  l{}: let.l{index} + 1\n", index + 1), size)),
        ("lets that are wrong", filled(&format!("{first}let:\n"), |index| format!("  l{index}: inputs.limti + {index}\n"), size)),
        ("outputs that are wrong", filled(&format!("{first}outputs:\n"), |index| format!("  o{index}: steps.s9.by\n"), size)),
        ("operators", format!("{first}outputs:\n  x: {}1\n", "1 + ".repeat((size - first.len() - 64) / 4))),
        ("short operators", filled(&format!("{first}outputs:\n"), |index| format!("  o{index}: {}1\n", "1+".repeat(120)), size)),
        ("prefixes", format!("{first}outputs:\n  x: {}1\n", "-".repeat(1_000))),
        ("nots", format!("{first}outputs:\n  x: {}true\n", "not ".repeat(250))),
        ("brackets", format!("{first}outputs:\n  x: {}1\n", "(".repeat(1_000))),
        ("attributes", format!("{first}outputs:\n  x: inputs{}\n", ".a".repeat(500))),
        ("filters", format!("{first}outputs:\n  x: inputs.code{}\n", "|lower".repeat(160))),
        ("conditions", format!("{first}outputs:\n  x: {}1\n", "1 if true else ".repeat(60))),
        (
            "expressions in a text",
            filled(&format!("{HEAD}  s:\n    title: x\n    uses: human.confirm@1\n    with:\n      ask: \""), |_| "${{ inputs.x }}".into(), size - 2) + "\"\n",
        ),
        (
            "open expressions",
            filled(&format!("{HEAD}  s:\n    title: x\n    uses: human.confirm@1\n    with:\n      ask: \""), |_| "${{ ".into(), size - 2) + "\"\n",
        ),
        ("deep types", format!("{before_steps}  t: {{ type: {}, title: x }}\nsteps: {{}}\n", "list<".repeat(10_000))),
        (
            "cites",
            filled(
                &format!("{HEAD}  s:\n    title: x\n    uses: human.confirm@1\n    with: {{ ask: x }}\n    cite: ["),
                |index| format!("obn_edge#{index},"),
                size - 2,
            ) + "]\n",
        ),
        ("fine manuals", filled("kirikae: sources/1\nsources:\n", |index| format!("  m{index}: {{ title: x, edition: x, sections: {{ a: b }} }}\n"), size / 4)),
        ("pages", filled("kirikae: portal/1\noperations:\n  probe:\n    pages:\n", |_| "      - { open: x, see: y }\n".into(), size)),
        ("secrets of a site", filled("kirikae: site/1\nid: a\ntitle: x\nsecrets:\n", |index| format!("  s{index}: x\n"), size)),
    ]
}
