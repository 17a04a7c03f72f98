use redis::Value;

/// The server returned something that no script of this store returns.
#[derive(Debug, thiserror::Error)]
#[error("unexpected reply from the server")]
pub(crate) struct UnexpectedReply;

/// The fields of a record as read.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(Vec<u8>, Vec<u8>)>);

impl Fields {
    /// Parses a reply to `HGETALL`: a map, or a flat list if a script ran the command.
    pub(crate) fn from_value(value: Value) -> Result<Self, UnexpectedReply> {
        let pairs = match value {
            Value::Map(pairs) => pairs,
            Value::Array(flat) if flat.len() % 2 == 0 => {
                let mut flat = flat.into_iter();
                std::iter::from_fn(|| Some((flat.next()?, flat.next()?))).collect()
            }
            _ => return Err(UnexpectedReply),
        };
        pairs.into_iter().map(|(name, content)| Ok((bytes(name)?, bytes(content)?))).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has_one_twice(&self) -> bool {
        let mut names: Vec<_> = self.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    }

    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(present, _)| *present == name.as_bytes()).map(|(_, content)| content)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, content)| (name.as_slice(), content.as_slice()))
    }
}

#[cfg(any(test, fuzzing))]
impl Fields {
    pub(crate) fn of(pairs: &[(&[u8], &[u8])]) -> Self {
        Self(pairs.iter().map(|(name, content)| (name.to_vec(), content.to_vec())).collect())
    }
}

/// A script's reply: a word, optionally followed by data.
#[derive(Debug)]
pub(crate) struct ScriptReply {
    pub(crate) word: String,
    rest: std::vec::IntoIter<Value>,
}

impl ScriptReply {
    pub(crate) fn from_value(value: Value) -> Result<Self, UnexpectedReply> {
        let (word, rest) = match value {
            Value::Array(items) => {
                let mut items = items.into_iter();
                (items.next().ok_or(UnexpectedReply)?, items)
            }
            word => (word, Vec::new().into_iter()),
        };
        Ok(Self { word: text(word)?, rest })
    }

    pub(crate) fn next(&mut self) -> Option<Value> {
        self.rest.next()
    }
}

/// Returns `true` if a script reports that it has written. Any other word means that nothing
/// changed.
pub(crate) fn is_done(answer: &Value) -> bool {
    let is_done = |word: &Value| match word {
        Value::BulkString(word) => word == b"done",
        Value::SimpleString(word) => word == "done",
        _ => false,
    };
    match answer {
        Value::Array(parts) => parts.first().is_some_and(is_done),
        word => is_done(word),
    }
}

/// The keys that an invalidation message names. `None` if it names none, so that any key may have
/// changed.
pub(crate) fn changed(message: Vec<Value>) -> Option<Vec<Vec<u8>>> {
    let Some(Value::Array(keys)) = message.into_iter().next() else { return None };
    let key = |key| if let Value::BulkString(key) = key { Some(key) } else { None };
    keys.into_iter().map(key).collect()
}

fn bytes(value: Value) -> Result<Vec<u8>, UnexpectedReply> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Ok(text.into_bytes()),
        _ => Err(UnexpectedReply),
    }
}

fn text(value: Value) -> Result<String, UnexpectedReply> {
    String::from_utf8(bytes(value)?).map_err(|_| UnexpectedReply)
}

/// Members with their scores, as a sorted set returns them: in pairs, or as a flat list in the
/// older protocol.
pub(crate) fn scored(value: Value) -> Result<Vec<(String, u64)>, UnexpectedReply> {
    let Value::Array(items) = value else { return Err(UnexpectedReply) };
    let mut pairs = Vec::with_capacity(items.len());
    let mut items = items.into_iter();
    while let Some(item) = items.next() {
        let (member, score) = match item {
            Value::Array(pair) => <[Value; 2]>::try_from(pair).map_err(|_| UnexpectedReply)?.into(),
            member => (member, items.next().ok_or(UnexpectedReply)?),
        };
        pairs.push((text(member)?, score_of(score)?));
    }
    Ok(pairs)
}

/// The cursor and the keys of a reply to `SCAN`.
pub(crate) fn scanned(value: Value) -> Result<(u64, Vec<Vec<u8>>), UnexpectedReply> {
    let Value::Array(parts) = value else { return Err(UnexpectedReply) };
    let [cursor, Value::Array(keys)] = <[Value; 2]>::try_from(parts).map_err(|_| UnexpectedReply)? else {
        return Err(UnexpectedReply);
    };
    let cursor = text(cursor)?.parse().map_err(|_| UnexpectedReply)?;
    Ok((cursor, keys.into_iter().map(bytes).collect::<Result<_, _>>()?))
}

/// The identifier of the server's process, in a reply to `INFO server`.
pub(crate) fn run_id(info: Value) -> Result<String, UnexpectedReply> {
    let info = text(info)?;
    let id = info.lines().find_map(|line| line.strip_prefix("run_id:")).ok_or(UnexpectedReply)?.trim_end();
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| id.to_owned()).ok_or(UnexpectedReply)
}

fn score_of(value: Value) -> Result<u64, UnexpectedReply> {
    let score = match value {
        Value::Double(score) => score,
        Value::Int(score) => return u64::try_from(score).map_err(|_| UnexpectedReply),
        written => text(written)?.parse().map_err(|_| UnexpectedReply)?,
    };
    // Below 2^53, floating-point numbers represent every integer.
    if (0.0..9_007_199_254_740_992.0).contains(&score) { Ok(score as u64) } else { Err(UnexpectedReply) }
}

pub(crate) fn texts(value: Value) -> Result<Vec<String>, UnexpectedReply> {
    match value {
        Value::Array(items) => items.into_iter().map(text).collect(),
        _ => Err(UnexpectedReply),
    }
}
