use cloakroom::store::{LastWrite, REMEMBERED_WRITERS, Writers};

/// Encodes the column `writers`: the version up to which it may be incomplete, then nonce and
/// version of each write.
pub(crate) fn encode(writers: &Writers) -> Vec<u8> {
    let numbers = writers.writes().iter().flat_map(|write| [write.nonce, write.version]);
    std::iter::once(writers.known_since()).chain(numbers).flat_map(u64::to_be_bytes).collect()
}

/// Decodes the column `writers`. `None` if it is not what [`encode`] makes.
pub(super) fn decode(column: &[u8]) -> Option<Writers> {
    let (numbers, []) = column.as_chunks::<8>() else { return None };
    let (since, writes) = numbers.split_first()?;
    let (writes, []) = writes.as_chunks::<2>() else { return None };
    if writes.len() > REMEMBERED_WRITERS {
        return None;
    }
    let number = |bytes: &[u8; 8]| u64::from_be_bytes(*bytes);
    let writes = writes.iter().map(|[nonce, version]| LastWrite::new(number(nonce), number(version))).collect();
    Some(Writers::new(writes, number(since)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_are_read_as_they_were_written() {
        let mut writers = Writers::of_creation(u64::MAX);
        for write in 0..20_u64 {
            writers.add(write << 33 | write, write + 2);
            assert_eq!(decode(&encode(&writers)), Some(writers.clone()));
        }
    }

    #[test]
    fn bytes_of_another_shape_are_refused() {
        let good = encode(&Writers::of_creation(7));
        for length in 0..good.len() {
            let is_whole = length == 8;
            assert_eq!(decode(&good[..length]).is_some(), is_whole, "{length} bytes");
        }
        assert!(decode(&[0; 8 * 19]).is_none(), "nine writers");
    }
}
