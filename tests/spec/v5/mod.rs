//! MQTT 5.0. Statements that no server can violate are listed in `client-only-5.0.txt`.

mod s1_data;
mod s2_format;
mod s3_1_connect_actions;
mod s3_1_connect_flags;
mod s3_1_connect_limits;
mod s3_1_connect_payload;
mod s3_1_connect_session;
mod s3_1_connect_will;
mod s3_2_connack;
mod s3_2_connack_limits;
mod s3_3_publish_actions;
mod s3_3_publish_alias;
mod s3_3_publish_flags;
mod s3_3_publish_flow;
mod s3_3_publish_properties;
mod s3_3_publish_topic;
