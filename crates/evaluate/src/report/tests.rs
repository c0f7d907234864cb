use super::*;

/// Returns a complete report with figures that develop like real ones.
pub(super) fn sample() -> ReportData {
    serde_json::from_str(include_str!("../../tests/sample.json")).unwrap()
}

fn style() -> &'static str {
    include_str!("style.css")
}

#[test]
fn a_report_is_one_file_that_fetches_and_runs_nothing() {
    let page = html(&sample());
    for forbidden in ["<script", "<link", "<img", "@import", "href=", "http:", "https:", "javascript:"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert_eq!(
        page.matches("src=").count(),
        page.matches("src=\"data:audio/").count(),
        "sound is in the page"
    );
    assert!(page.contains("default-src 'none'") && page.contains("media-src data:"));
}

#[test]
fn untrusted_text_is_escaped_wherever_it_appears() {
    let evil = "<img src=x onerror=alert(1)>\"'&";
    let mut data = sample();
    for row in &mut data.rows {
        row.name = format!("{}{evil}", row.name);
        row.description = evil.into();
    }
    data.curves.iter_mut().for_each(|c| c.system = evil.into());
    data.curves[0].kind = CurveKind::TrainingLoss(evil.into());
    data.comparisons.iter_mut().for_each(|c| (c.system, c.baseline) = (evil.into(), evil.into()));
    data.facts.push(Fact { name: evil.into(), value: evil.into() });
    data.stages.iter_mut().for_each(|s| s.name = evil.into());
    data.memory.iter_mut().for_each(|m| m.program = evil.into());
    data.settings.iter_mut().for_each(|s| (s.name, s.toml) = (evil.into(), evil.into()));
    data.notes.push(evil.into());
    let recognition = data.recognition.as_mut().unwrap();
    recognition.choice = evil.into();
    recognition.facts.iter_mut().for_each(|f| (f.name, f.value) = (evil.into(), evil.into()));
    for example in &mut recognition.examples {
        (example.utterance, example.reference) = (evil.into(), evil.into());
        example.hypotheses.iter_mut().for_each(|h| *h = (evil.into(), evil.into()));
        example.clip.iter_mut().for_each(|clip| clip.base64 = evil.into());
    }
    (data.title, data.subtitle) = (evil.into(), evil.into());
    let page = html(&data);
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;"));
    assert!(!page.contains("<img") && !page.contains("(1)>"), "unescaped");
}

#[test]
fn every_element_that_is_opened_is_closed_in_order() {
    let page = html(&sample());
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1).map(|t| &t[..t.find('>').unwrap()]) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('!') || name == "meta" || tag.ends_with('/') {
            continue;
        }
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closed out of order");
        } else {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn errors_of_words_are_marked_and_counted_as_they_are_scored() {
    let page = html(&sample());
    let line = |words: &str, count: &str| {
        format!("<td class=\"words\">{words}</td><td class=\"wrong\">{count}</td>")
    };
    for expected in [
        line("i have to find the princess before they do", "right"),
        line("i have to find <mark>a</mark> princess before they do", "1 error"),
        line("<del>he</del> went up the <del>river</del> <mark>liver</mark>", "3 errors"),
        line("that&#39;s not the crystal skull <ins>is</ins>", "1 error"),
    ] {
        assert!(page.contains(&expected), "{expected}");
    }
    assert_eq!(page.matches("<audio").count(), 2, "an utterance without sound has no player");
    assert!(page.contains("<p>i have to find the princess before they do</p>"), "compared as normalised");
}

#[test]
fn every_system_with_words_has_its_rate_interval_change_and_recovery() {
    let page = html(&sample());
    for expected in [
        "<td>58.1 to 62.4</td><td>−13.5 %</td><td>49 %<small>40 to 59</small></td>",
        "word error rate</small></th><td>−9.4</td>",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    let mut without = sample();
    without.rows.iter_mut().flat_map(|row| &mut row.runs).for_each(|run| run.wer = None);
    let page = html(&without);
    assert!(!page.contains("id=\"words\"") && page.contains("<th scope=\"col\">Change</th>"));
}

#[test]
fn figures_of_older_versions_still_make_a_report() {
    let old = r#"{"rows": [{"name": "gtc", "role": "semi-supervised", "runs": [{"fer": 50.0, "fer_speech": 57.0, "per": 49.0}]}]}"#;
    let data: ReportData = serde_json::from_str(old).unwrap();
    assert!(html(&data).contains("gtc") && data.recognition.is_none());
}

#[test]
fn charts_have_text_alternatives() {
    let page = html(&sample());
    let times = |part: &str| page.matches(part).count();
    assert_eq!(times("<svg"), times("role=\"img\""));
    assert_eq!(times("<svg"), times("<desc"));
    assert_eq!(times("<table>"), times("<caption"));
    assert_eq!(times("<svg"), 3, "dev, annotated and machine-labeled");
    assert!(
        page.contains("<html lang=\"en\">")
            && page.contains("scope=\"row\"")
            && page.contains("scope=\"col\"")
    );
    for row in sample().rows {
        assert!(page.contains(&format!("</span>{}<small>", row.name)), "{} is named in the table", row.name);
    }
}

#[test]
fn the_dev_panel_comes_first_and_each_seed_has_a_line_but_not_a_label() {
    let mut data = sample();
    let curve = data.curves.iter().find(|c| c.kind == CurveKind::DevFrameError).unwrap().clone();
    data.curves
        .push(Curve { points: curve.points.iter().map(|p| (p.0, p.1 + 0.3)).collect(), ..curve.clone() });
    let panels = chart::panels(&data);
    assert!(panels[0].contains("Frame error rate on dev"));
    assert_eq!(panels[0].matches("class=\"line ").count(), panels[0].matches("class=\"name ").count() + 1);
    assert_eq!(panels[0].matches(" seed\"").count(), 1);
}

#[test]
fn curves_with_broken_values_still_draw_finite_lines() {
    let mut data = sample();
    let points = vec![(f64::NAN, 1.0), (1.0, f64::INFINITY), (2.0, 3.0), (5000.0, 3.0)];
    data.curves = vec![
        Curve { system: "gtc".into(), kind: CurveKind::DevFrameError, points },
        Curve {
            system: "gtc".into(),
            kind: CurveKind::TrainingLoss("annotated".into()),
            points: vec![(1.0, f64::NAN)],
        },
    ];
    let panels = chart::panels(&data);
    assert_eq!(panels.len(), 1, "a curve without a value has no panel");
    assert!(!panels[0].contains("NaN") && !panels[0].contains("inf\""), "{}", panels[0]);
}

#[test]
fn an_empty_report_is_still_a_page() {
    let page = html(&ReportData::default());
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    assert!(!page.contains("<section"));
}

#[test]
fn report_data_read_back_from_json_is_the_same() {
    let data = sample();
    let json = serde_json::to_string(&data).unwrap();
    assert_eq!(serde_json::from_str::<ReportData>(&json).unwrap(), data);
}

/// Returns the contrast of two colours by relative luminance, as WCAG 2.2 defines it.
fn contrast(a: &str, b: &str) -> f64 {
    let luminance = |hex: &str| {
        let channel = |at: usize| {
            let c = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn every_colour_of_text_and_lines_has_enough_contrast() {
    let schemes: Vec<&str> = style().split(":root{").skip(1).map(|s| &s[..s.find('}').unwrap()]).collect();
    assert_eq!(schemes.len(), 3, "light, dark, print");
    for scheme in schemes {
        let value = |name: &str| {
            let at = scheme.find(&format!("--{name}:")).unwrap() + name.len() + 3;
            let value = &scheme[at..at + scheme[at..].find([';', '\n']).unwrap_or(scheme.len() - at)];
            // `#abc` is short for `#aabbcc`.
            if value.len() == 4 {
                value.chars().skip(1).fold("#".to_owned(), |s, c| format!("{s}{c}{c}"))
            } else {
                value.to_owned()
            }
        };
        for name in ["ink", "soft", "c0", "c1", "c2", "c3", "c4", "c5", "cn"] {
            let found = contrast(&value(name), &value("paper"));
            assert!(found >= 4.5, "--{name} has only {found:.1}");
        }
    }
}
