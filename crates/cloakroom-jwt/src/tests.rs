mod access;
mod format;
mod keys;
