//! `check` on files and folders, its corrections, its forms for machines; `explain`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;
use std::process::Output;

use serde_json::Value as Json;
use support::{kirikae, root, said};
use unicode_width::UnicodeWidthStr;

const SITE: &str = "# サイト\nkirikae: site/1\nid: sakura   # 医院\ntitle: さくら医院\nbackends:\n  backup: { folder: ./backup, removable: yes }   # USB\ninputs: { code: 0110119153 }\ndownloads: *.tmp\n";
const MENDED: &str = "# サイト\nkirikae: site/1\nid: sakura   # 医院\ntitle: さくら医院\nbackends:\n  backup: { folder: ./backup, removable: true }   # USB\ninputs: { code: \"0110119153\" }\ndownloads: \"*.tmp\"\n";

fn run(arguments: &[&str]) -> Output {
    kirikae().args(arguments).output().unwrap()
}

fn json(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

fn place(files: &[(&str, &str)]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = place.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    place
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_shipped_folder_has_no_findings_but_what_sites_show_once() {
    let output = run(&["check", "playbooks", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let json = json(&output);
    assert_eq!(json["errors"].as_u64(), Some(0));
    // These sites show a password, an address or a signed-in page once, and no later look can give it back.
    let known = ["sanka/cd-switch.yaml", "sanka/usb-switch.yaml", "webqkan/client-renew-api.yaml", "webqkan/client-renew.yaml"];
    for finding in json["findings"].as_array().unwrap() {
        let file = finding["at"]["file"].as_str().unwrap_or_default();
        assert!(finding["code"] == "CHECK.SHOWN_ONCE" && known.iter().any(|known| file.ends_with(known)), "{finding}");
    }
    assert!(json["checked"].as_u64().unwrap() >= 9, "{json}");
}

#[test]
fn folders_are_walked_and_other_yaml_is_left_alone() {
    let place = place(&[("a/site.yaml", SITE), ("compose.yaml", "services: {}\n"), ("b/.hidden/x.yaml", "kirikae: site/1\n"), ("note.txt", "kirikae")]);
    let output = run(&["check", place.path().to_str().unwrap(), "--lang", "ja"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("YAML.LEADING_ZERO") && text.contains("a/site.yaml:7:17"), "{text}");
    assert!(text.contains("ファイル1個は見ていません"), "{text}");
    let empty = run(&["check", place.path().join("b").to_str().unwrap()]);
    assert!(said(&empty).contains("FILE.NO_DOCUMENT"), "{}", said(&empty));
}

#[test]
fn fix_corrects_by_place_and_nothing_else() {
    let place = place(&[("site.yaml", SITE), ("other.yaml", SITE)]);
    let file = place.path().join("site.yaml");
    let output = run(&["check", "--fix", file.to_str().unwrap(), "--lang", "ja"]);
    let text = said(&output);
    assert_eq!(read(&file), MENDED, "{text}");
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("- inputs: { code: 0110119153 }") && text.contains("+ inputs: { code: \"0110119153\" }"), "{text}");
    assert_eq!(read(&place.path().join("other.yaml")), SITE, "only what was named");
    let before = std::fs::metadata(&file).unwrap().modified().unwrap();
    let again = run(&["check", "--fix", file.to_str().unwrap(), "--format", "json"]);
    assert_eq!(json(&again)["fixed"].as_array().map(Vec::len), Some(0));
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), before, "a second time writes nothing");
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2, "nothing is left beside it");
}

#[test]
fn without_fix_nothing_is_written_and_the_corrections_are_told() {
    let place = place(&[("site.yaml", SITE)]);
    let file = place.path().join("site.yaml");
    let output = run(&["check", file.to_str().unwrap(), "--format", "json"]);
    assert_eq!(read(&file), SITE);
    let json = json(&output);
    let zero = json["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "YAML.LEADING_ZERO").unwrap().clone();
    assert_eq!(zero["fix"]["text"], "\"0110119153\"");
    assert_eq!((zero["fix"]["line"].as_u64(), zero["fix"]["column"].as_u64(), zero["fix"]["end_column"].as_u64()), (Some(7), Some(17), Some(27)));
}

#[cfg(unix)]
#[test]
fn fix_keeps_permissions_and_follows_no_link_of_a_folder() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let outside = place(&[("site.yaml", SITE)]);
    let inside = place(&[("own.yaml", SITE)]);
    symlink(outside.path().join("site.yaml"), inside.path().join("link.yaml")).unwrap();
    symlink(outside.path(), inside.path().join("folder")).unwrap();
    let own = inside.path().join("own.yaml");
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o640)).unwrap();
    let output = run(&["check", "--fix", inside.path().to_str().unwrap()]);
    assert_eq!(read(&own), MENDED, "{}", said(&output));
    assert_eq!(std::fs::metadata(&own).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(read(&outside.path().join("site.yaml")), SITE);
}

#[test]
fn carets_stand_under_wide_characters() {
    let place = place(&[("site.yaml", "kirikae: site/1\nid: sakura\ntitle: さくら医院\npeople: { 受付担当者: { name: 佐藤, yomi: さとう } }\n")]);
    let output = run(&["check", place.path().join("site.yaml").to_str().unwrap(), "--lang", "ja"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains("受付担当者: {")).unwrap();
    let source = lines[at][..lines[at].find("yomi").unwrap()].width();
    let caret = lines[at + 1][..lines[at + 1].find('^').unwrap()].width();
    assert_eq!(source, caret, "{text}");
    assert!(text.contains("site.yaml:4:30"), "{text}");
}

#[test]
fn every_seeded_fault_can_be_shown() {
    for lang in ["ja", "en"] {
        let output = run(&["check", "tests/cases/invalid", "--lang", lang]);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(!text.contains("panicked"), "{text}");
        for name in ["yaml-nul.yaml:32:14", "encoding-utf-16.yaml:1:1", "portal-read-that-posts.yaml:14:9", "site-unknown-time-zone.yaml:4:11"] {
            assert!(text.contains(name), "{name} in {text}");
        }
    }
}

#[test]
fn a_file_in_another_encoding_is_shown_as_it_was_meant() {
    let path = root().join("tests/cases/invalid/encoding-shift-jis.yaml");
    let text = said(&run(&["check", path.to_str().unwrap(), "--lang", "ja"]));
    for word in ["YAML.NOT_UTF8", "encoding-shift-jis.yaml:4:8", "title: 例", "CP932", "iconv"] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

/// What SARIF 2.1.0 asks of a log (OASIS, sections 3.13, 3.14, 3.19, 3.27, 3.30, 3.55).
#[test]
fn sarif_has_rules_regions_and_fixes() {
    let place = place(&[("サイト 1.yaml", SITE)]);
    let output = run(&["check", place.path().to_str().unwrap(), "--format", "sarif", "--lang", "en"]);
    assert_eq!(output.status.code(), Some(2));
    let log = json(&output);
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().unwrap().contains("sarif-schema-2.1.0"));
    let run = &log["runs"][0];
    assert_eq!((&run["tool"]["driver"]["name"], &run["columnKind"]), (&Json::from("kirikae"), &Json::from("unicodeCodePoints")));
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 3, "{log}");
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["shortDescription"]["text"].is_string() && rule["fullDescription"]["text"].is_string(), "{rule}");
        assert!(["error", "warning", "note", "none"].contains(&result["level"].as_str().unwrap()));
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let physical = &result["locations"][0]["physicalLocation"];
        assert!(physical["artifactLocation"]["uri"].as_str().unwrap().ends_with("%E3%82%B5%E3%82%A4%E3%83%88%201.yaml"), "{physical}");
        for key in ["startLine", "startColumn", "endLine", "endColumn"] {
            assert!(physical["region"][key].as_u64().unwrap() >= 1, "{physical}");
        }
    }
    let zero = results.iter().find(|result| result["ruleId"] == "YAML.LEADING_ZERO").unwrap();
    let change = &zero["fixes"][0]["artifactChanges"][0];
    assert!(change["artifactLocation"]["uri"].is_string());
    let replacement = &change["replacements"][0];
    assert_eq!(replacement["insertedContent"]["text"], "\"0110119153\"");
    let region: Vec<u64> = ["startLine", "startColumn", "endLine", "endColumn"].iter().map(|key| replacement["deletedRegion"][key].as_u64().unwrap()).collect();
    assert_eq!(region, [7, 17, 7, 27]);
    let refused = self::run(&["runs", "--format", "sarif"]);
    assert!(said(&refused).contains("CLI.FORMAT"), "{}", said(&refused));
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn explain_tells_a_story_in_the_users_language() {
    let ja = said(&run(&["explain", "yaml.tab", "--lang", "ja"]));
    for word in ["YAML.TAB", "タブの字下げ", "悪い例", "<TAB>pin:", "良い例", "  pin:"] {
        assert!(ja.contains(word), "{word} in {ja}");
    }
    let en = said(&run(&["explain", "PORTAL.RESULT_UNKNOWN", "--lang", "en"]));
    for word in ["not sent again", "ambiguous", "cure"] {
        assert!(en.contains(word), "{word} in {en}");
    }
    let all = said(&run(&["explain", "--lang", "ja"]));
    assert!(all.contains("\nYAML\n  YAML.ALIAS") && all.contains("\nSITE\n"), "{all}");
    let unknown = run(&["explain", "YAML.TAABB"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(said(&unknown).contains("YAML.TAB"), "{}", said(&unknown));
}
