//! The subscription trie and the retained messages against the plain definition of section 4.7,
//! over arbitrary histories.

mod retained;
mod subscriptions;
mod text;
