//! What a narrative is made of: the elements and attributes that txt-1 lists, and those beside them that the chapters of
//! HTML 4 have which it names and that are not deprecated.

/// Elements, in alphabetical order.
#[rustfmt::skip]
const ELEMENTS: &[&str] = &[
    "a", "abbr", "acronym", "address", "area", "b", "bdo", "big", "blockquote", "br", "caption", "cite", "code",
    "col", "colgroup", "dd", "dfn", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img",
    "kbd", "li", "map", "ol", "p", "pre", "q", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody",
    "td", "tfoot", "th", "thead", "tr", "tt", "ul", "var",
];

/// Attributes, in alphabetical order.
#[rustfmt::skip]
const ATTRIBUTES: &[&str] = &[
    "abbr", "accesskey", "align", "alt", "axis", "bgcolor", "border", "cellhalign", "cellpadding", "cellspacing",
    "cellvalign", "char", "charoff", "charset", "cite", "class", "colspan", "compact", "coords", "dir", "frame",
    "headers", "height", "href", "hreflang", "hspace", "id", "ismap", "lang", "longdesc", "name", "nohref",
    "nowrap", "rel", "rev", "rowspan", "rules", "scope", "shape", "span", "src", "start", "style", "summary",
    "tabindex", "title", "type", "usemap", "valign", "value", "vspace", "width", "xml:lang", "xml:space",
];

/// Attributes that hold an address.
const ADDRESSES: &[&str] = &["cite", "href", "longdesc", "src", "usemap"];

/// May a narrative have this element?
pub(super) fn is_element(name: &str) -> bool {
    ELEMENTS.binary_search(&name).is_ok()
}

/// May its elements have this attribute?
pub(super) fn is_attribute(name: &str) -> bool {
    ATTRIBUTES.binary_search(&name).is_ok()
}

/// Does the attribute hold an address?
pub(super) fn is_address(name: &str) -> bool {
    ADDRESSES.contains(&name)
}

/// Is it an element that closes itself in HTML, and has to say so in XHTML?
pub(super) fn is_void(name: &str) -> bool {
    matches!(name, "area" | "br" | "col" | "hr" | "img")
}

/// What to write instead of an element that is not allowed, where that is plain.
pub(super) fn suggestion(name: &str) -> &'static str {
    match name {
        "script" | "noscript" => "leave it out; a narrative is read, it does nothing",
        "form" | "input" | "button" | "select" | "textarea" | "label" | "option" | "fieldset" => {
            "leave out the form; a Questionnaire asks for answers"
        }
        "html" | "body" | "head" | "title" | "meta" => "keep what stands inside the body, in one div",
        "link" | "style" | "base" => "write the style into style attributes",
        "iframe" | "frame" | "frameset" | "object" | "embed" | "applet" | "audio" | "video" | "svg" | "canvas" => {
            "leave it out, or show an img"
        }
        "u" | "s" | "strike" | "center" | "font" | "basefont" | "ins" | "del" => {
            "write span or div with a style attribute"
        }
        "section" | "article" | "header" | "footer" | "main" | "nav" | "figure" | "details" => "write div",
        _ => "use the formatting elements of HTML 4: p, div, span, table, ul, b, i, a, img and the like",
    }
}

/// Does an address make a program do something? White space and control characters in it do not count, as browsers pass
/// them over.
pub(super) fn runs_script(address: &str) -> bool {
    let mut bare = address.chars().filter(|letter| !letter.is_whitespace() && !letter.is_control());
    let scheme: String = bare.by_ref().take_while(|letter| *letter != ':').take(16).collect();
    scheme.eq_ignore_ascii_case("javascript") || scheme.eq_ignore_ascii_case("vbscript")
}

/// Does a style run something?
pub(super) fn style_runs_script(style: &str) -> bool {
    let bare: String = style.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect();
    bare.contains("expression(") || bare.contains("javascript:") || bare.contains("-moz-binding")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(ELEMENTS.is_sorted() && ATTRIBUTES.is_sorted());
    }

    #[test]
    fn tells_what_acts() {
        for bad in ["javascript:x()", " java\nscript:x()", "JavaScript:x", "vbscript:x"] {
            assert!(runs_script(bad), "{bad}");
        }
        for good in
            ["https://a.example/javascript:x", "#a", "Patient/1", "mailto:a@b.example", "data:image/png;base64,"]
        {
            assert!(!runs_script(good), "{good}");
        }
        assert!(style_runs_script("width: expr ession(1)") && !style_runs_script("color: red"));
    }
}
