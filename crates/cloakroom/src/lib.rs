//! Cloakroom.
