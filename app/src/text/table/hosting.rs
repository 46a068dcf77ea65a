//! The shape of the texts of hosts.

use super::Entries;

texts! {
    /// About adding and keeping hosts, for whoever does.
    HostingText {}
    operating_system, cpus, capacity_hint, port_range, port_first, port_first_hint, port_last, bind_address,
    bind_address_hint, client_address, client_address_hint, host_in_use, remove_host, remove_host_impact,
    no_images, no_images_hint, image_present, image_preparing, image_missing, where_engine, engine_local,
    engine_remote, no_local_offer, socket_path, address_hint, port, port_hint, ca_pem, certificate_pem,
    key_pem, pem_hint, secret_hint, images_peer, images_orderer, images_sample, images_hint, image_rules,
    image_rules_hint, test_connection, connection_fine, stage_address, stage_tcp, stage_tls,
    stage_authentication, stage_api_version, stage_engine, stage_permission, stage_storage, stage_capacity,
    edit_host, network_range, network_range_hint, credentials_keep_hint, registries, registries_hint,
    registry, registry_user, registry_password, registry_add, no_registries, image_purpose, purpose_peer,
    purpose_orderer, purpose_sample, purpose_chaincode, image_pull, image_replaced, image_missing_local,
    images_prepare, disk_free, engine_says, upload_image, upload_image_hint, upload_image_button, uploading,
    uploaded, approved_images, approved_images_hint, no_approved_images, content_id, approve_image,
    approve_image_hint, revoke_approval, mib_of_mib,
    views, list, room, room_hint, places, places_told, chains_told, given_of, given_alone, given_more, in_use, in_use_of,
    not_told, not_measured, takes_none,
}
