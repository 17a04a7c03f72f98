//! A value has to be a type of one's own.

use cloakroom::{Session, SessionError};

async fn rename(session: Session) -> Result<(), SessionError> {
    session.set("Ada".to_owned()).await
}

fn main() {
    drop(rename);
}
