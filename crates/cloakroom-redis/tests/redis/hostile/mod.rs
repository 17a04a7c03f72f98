//! Compromised or fake servers: whatever they send results in an error or a miss, never in another
//! user's session and never in a crash.

mod configuration;
#[path = "../../../../cloakroom/tests/support/figures.rs"]
mod figures;
mod pushes;
mod records;
mod replies;

#[test]
fn the_page_says_how_many_hostile_inputs_there_are() {
    let valid = records::corpus::valid();
    figures::assert_said(&[
        ("records", records::corpus::cases().len()),
        ("answers of a server", replies::corpus::cases(&valid).len()),
        ("messages of a server", pushes::corpus::ROWS.len()),
        ("addresses of a server", configuration::corpus::ADDRESSES.len()),
        ("settings of the store", configuration::corpus::BUILDERS.len()),
    ]);
}
