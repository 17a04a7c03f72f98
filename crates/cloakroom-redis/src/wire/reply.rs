use redis::Value;

/// The server answered with something that no script of ours answers.
#[derive(Debug, thiserror::Error)]
#[error("the server's reply makes no sense here")]
pub(crate) struct UnexpectedReply;

/// The fields of a record as they were read.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(Vec<u8>, Vec<u8>)>);

impl Fields {
    /// From what `HGETALL` answers: pairs, or a flat list where a script asked for it.
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

/// A script's reply: a word, and what comes with it.
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

/// Whether a script says that it has written. Every other word means that it has changed nothing.
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

/// The keys that a message of the server says have changed. `None` where that may be any, or is not said.
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

/// Members with their scores, as a sorted set answers them: in pairs, or in turn in the older protocol.
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

fn score_of(value: Value) -> Result<u64, UnexpectedReply> {
    let score = match value {
        Value::Double(score) => score,
        Value::Int(score) => return u64::try_from(score).map_err(|_| UnexpectedReply),
        written => text(written)?.parse().map_err(|_| UnexpectedReply)?,
    };
    // Up to there, floating numbers count every instant.
    if (0.0..9_007_199_254_740_992.0).contains(&score) { Ok(score as u64) } else { Err(UnexpectedReply) }
}

pub(crate) fn texts(value: Value) -> Result<Vec<String>, UnexpectedReply> {
    match value {
        Value::Array(items) => items.into_iter().map(text).collect(),
        _ => Err(UnexpectedReply),
    }
}
