//! Decodes a text in every usual encoding, because there are far more secrets than encodings.

/// Decoded bytes with their positions: `places[n]` is where the encoding of byte `n` begins.
pub(crate) struct Spelled {
    pub(crate) how: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) places: Vec<usize>,
}

impl Spelled {
    fn new(how: &'static str) -> Self {
        Self { how, bytes: Vec::new(), places: Vec::new() }
    }

    fn push(&mut self, byte: u8, place: usize) {
        self.bytes.push(byte);
        self.places.push(place);
    }
}

/// The text itself, and the text with its escapes decoded.
pub(crate) fn unescaped(text: &[u8]) -> Vec<Spelled> {
    let plain = Spelled { how: "as it is", bytes: text.to_vec(), places: (0..text.len()).collect() };
    let mut all = vec![plain];
    if text.contains(&b'%') {
        all.push(without_escapes("percent-encoded", text, |rest| match rest {
            [b'%', high, low, ..] => Some((hex(*high)? << 4 | hex(*low)?, 3)),
            _ => None,
        }));
    }
    if text.contains(&b'\\') {
        all.push(without_escapes("escaped", text, backslash));
    }
    all
}

fn without_escapes(how: &'static str, text: &[u8], escape: impl Fn(&[u8]) -> Option<(u8, usize)>) -> Spelled {
    let mut spelled = Spelled::new(how);
    let mut at = 0;
    while at < text.len() {
        let (byte, length) = escape(&text[at..]).unwrap_or((text[at], 1));
        spelled.push(byte, at);
        at += length;
    }
    spelled
}

/// Decodes a backslash escape of JSON, Rust or C.
fn backslash(rest: &[u8]) -> Option<(u8, usize)> {
    let digits =
        |digits: &[u8]| digits.iter().try_fold(0_u32, |number, digit| Some(number << 4 | u32::from(hex(*digit)?)));
    Some(match rest {
        [b'\\', b'x', _, _, ..] => (digits(&rest[2..4])? as u8, 4),
        [b'\\', b'u', b'{', ..] => {
            let length = rest[3..].iter().take(7).position(|byte| *byte == b'}')?;
            (u8::try_from(digits(&rest[3..3 + length])?).ok()?, length + 4)
        }
        [b'\\', b'u', _, _, _, _, ..] => (u8::try_from(digits(&rest[2..6])?).ok()?, 6),
        [b'\\', b'n', ..] => (b'\n', 2),
        [b'\\', b'r', ..] => (b'\r', 2),
        [b'\\', b't', ..] => (b'\t', 2),
        [b'\\', b'0', ..] => (0, 2),
        [b'\\', escaped, ..] if escaped.is_ascii_punctuation() => (*escaped, 2),
        _ => return None,
    })
}

/// Decodes every run of letters and digits, at each possible alignment.
pub(crate) fn decoded(text: &[u8]) -> Vec<Spelled> {
    let mut all = Vec::new();
    for run in runs(text, 16, |byte| byte.is_ascii_alphanumeric() || b"-_+/".contains(&byte)) {
        (0..4).for_each(|cut| all.push(base64(text, run.start + cut, run.end)));
    }
    for run in runs(text, 24, |byte| byte.is_ascii_hexdigit()) {
        (0..2).for_each(|cut| all.push(hexadecimal(text, run.start + cut, run.end)));
    }
    for run in runs(text, 24, |byte| byte.is_ascii_hexdigit() || b" ,\n\t\r[]x".contains(&byte)) {
        all.push(list("a list of numbers", text, run.clone(), 10));
        all.push(list("a list of hexadecimal numbers", text, run, 16));
    }
    all
}

/// The ranges of at least `least` such bytes in a row.
fn runs(text: &[u8], least: usize, belongs: impl Fn(u8) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut all = Vec::new();
    let mut begin = 0;
    for end in 0..=text.len() {
        if end == text.len() || !belongs(text[end]) {
            if end - begin >= least {
                all.push(begin..end);
            }
            begin = end + 1;
        }
    }
    all
}

/// Decodes base64 in the standard and the URL-safe alphabet.
fn base64(text: &[u8], begin: usize, end: usize) -> Spelled {
    let mut spelled = Spelled::new("in base64");
    let (mut bits, mut count) = (0_u32, 0);
    for (place, letter) in text.iter().enumerate().take(end).skip(begin) {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' | b'+' => 62,
            _ => 63,
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            spelled.push((bits >> count) as u8, place);
        }
    }
    spelled
}

fn hexadecimal(text: &[u8], begin: usize, end: usize) -> Spelled {
    let mut spelled = Spelled::new("in hexadecimal digits");
    for (place, pair) in (begin..).step_by(2).zip(text[begin..end].chunks_exact(2)) {
        spelled.push(hex(pair[0]).unwrap_or_default() << 4 | hex(pair[1]).unwrap_or_default(), place);
    }
    spelled
}

/// Decodes lists of numbers as `{:?}`, `{:#?}` and `{:x?}` format bytes.
fn list(how: &'static str, text: &[u8], run: std::ops::Range<usize>, radix: u32) -> Spelled {
    let mut spelled = Spelled::new(how);
    for word in runs(&text[run.clone()], 1, |byte| byte.is_ascii_hexdigit() || byte == b'x') {
        let digits = std::str::from_utf8(&text[run.start + word.start..run.start + word.end]).unwrap_or_default();
        let digits = if radix == 16 { digits.trim_start_matches("0x") } else { digits };
        match u8::from_str_radix(digits, radix) {
            Ok(byte) => spelled.push(byte, run.start + word.start),
            // Not a byte, so the list ends here.
            Err(_) => spelled.push(0, run.start + word.start),
        }
    }
    spelled
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|digit| digit as u8)
}
