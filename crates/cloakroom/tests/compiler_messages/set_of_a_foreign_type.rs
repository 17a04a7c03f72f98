//! A value must be a type of the application.

use cloakroom::{Session, SessionError};

async fn rename(session: Session) -> Result<(), SessionError> {
    session.set("Ada".to_owned()).await
}

fn main() {
    drop(rename);
}
