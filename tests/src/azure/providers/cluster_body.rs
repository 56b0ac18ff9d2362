//! The cluster that the world starts with, as AKS would describe it.

use serde_json::{Value, json};

use crate::azure::ids;
use crate::settings::Settings;

/// The issuer that the cluster gets once OIDC is on. It ends with a slash.
pub(crate) fn issuer() -> String {
    let guid = ids::named("issuer");
    format!(
        "https://{}.oic.prod-aks.azure.com/{}/{guid}/",
        ids::LOCATION,
        ids::TENANT
    )
}

/// Object id of the cluster's own identity.
pub(crate) fn cluster_principal() -> String {
    ids::named("cluster/principal")
}

/// The id under which AKS answers: its `resourcegroups` is in lower case.
pub(crate) fn wire_id() -> String {
    ids::cluster_id().replace("/resourceGroups/", "/resourcegroups/")
}

/// The whole body.
pub(crate) fn body(settings: &Settings) -> Value {
    let mut properties = properties(settings);
    properties["networkProfile"] = network();
    for (name, profile) in profiles(settings).as_object().into_iter().flatten() {
        properties[name] = profile.clone();
    }
    if settings.start.issuer_on {
        properties["oidcIssuerProfile"] = json!({ "enabled": true, "issuerURL": issuer() });
    }
    if settings.start.workload_identity_on {
        properties["securityProfile"] = json!({ "workloadIdentity": { "enabled": true } });
    }
    if settings.start.locked_node_group {
        properties["nodeResourceGroupProfile"] = json!({ "restrictionLevel": "ReadOnly" });
    }
    if settings.start.service_principal {
        properties["servicePrincipalProfile"] = json!({ "clientId": ids::named("cluster/service-principal") });
    }
    let mut body = json!({
        "id": wire_id(), "name": ids::CLUSTER, "type": "Microsoft.ContainerService/ManagedClusters",
        "location": ids::LOCATION, "tags": { "team": "platform", "cost-centre": "4711" },
        "sku": { "name": "Base", "tier": "Standard" }, "kind": "Base", "properties": properties,
    });
    if !settings.start.no_etag {
        body["eTag"] = json!(ids::named("etag"));
    }
    if let Some(identity) = identity(settings) {
        body["identity"] = identity;
    }
    body
}

fn identity(settings: &Settings) -> Option<Value> {
    if settings.start.service_principal {
        return None;
    }
    if settings.start.user_assigned_cluster_identity {
        let id = format!(
            "{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/aks-demo-identity",
            ids::group_id(ids::CLUSTER_GROUP)
        );
        let own = json!({ "principalId": cluster_principal(), "clientId": ids::named("cluster/client") });
        return Some(json!({ "type": "UserAssigned", "userAssignedIdentities": { id: own } }));
    }
    Some(json!({ "type": "SystemAssigned", "principalId": cluster_principal(), "tenantId": ids::TENANT }))
}

fn properties(settings: &Settings) -> Value {
    let host = "aks-demo-rg-aks-0b1f64-x7k2p9qd";
    json!({
        "provisioningState": "Succeeded",
        "powerState": { "code": if settings.start.cluster_stopped { "Stopped" } else { "Running" } },
        "kubernetesVersion": "1.33", "currentKubernetesVersion": "1.33.3", "dnsPrefix": "aks-demo-rg-aks-0b1f64",
        "fqdn": format!("{host}.hcp.westeurope.azmk8s.io"),
        "azurePortalFQDN": format!("{host}.portal.hcp.westeurope.azmk8s.io"),
        "agentPoolProfiles": [pool("system", 3, "System"), pool("work", 5, "User")],
        "linuxProfile": {
            "adminUsername": "azureuser",
            "ssh": { "publicKeys": [{ "keyData": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakeKeyOfTheSandboxCluster contoso\n" }] },
        },
        "servicePrincipalProfile": { "clientId": "msi" },
        "nodeResourceGroup": ids::NODE_GROUP, "enableRBAC": true, "supportPlan": "KubernetesOfficial",
        "addonProfiles": {
            "azurepolicy": { "enabled": true, "config": { "version": "v2" } },
            "omsagent": { "enabled": false },
        },
        "maxAgentPools": 100,
        "identityProfile": {
            "kubeletidentity": {
                "resourceId": format!(
                    "{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/aks-demo-agentpool",
                    ids::group_id(ids::NODE_GROUP).replace("/resourceGroups/", "/resourcegroups/")
                ),
                "clientId": ids::named("kubelet/client"), "objectId": ids::named("kubelet/principal"),
            },
        },
        "autoScalerProfile": { "balance-similar-node-groups": "false", "expander": "random", "scan-interval": "10s" },
        "autoUpgradeProfile": { "upgradeChannel": "patch", "nodeOSUpgradeChannel": "NodeImage" },
        "disableLocalAccounts": true,
        "aadProfile": {
            "managed": true, "enableAzureRBAC": false, "tenantID": ids::TENANT,
            "adminGroupObjectIDs": [ids::named("cluster-admins")],
        },
    })
}

fn profiles(settings: &Settings) -> Value {
    let driver = json!({ "enabled": !settings.start.no_csi_driver });
    json!({
        "securityProfile": {},
        "storageProfile": {
            "diskCSIDriver": driver, "fileCSIDriver": { "enabled": true }, "snapshotController": driver,
        },
        "oidcIssuerProfile": { "enabled": false },
        "workloadAutoScalerProfile": { "keda": { "enabled": true } },
        "metricsProfile": { "costAnalysis": { "enabled": false } },
        "resourceUID": ids::named("uid").replace('-', "")[..24],
        "nodeProvisioningProfile": { "mode": "Manual", "defaultNodePools": "Auto" },
        "bootstrapProfile": { "artifactSource": "Direct" },
    })
}

fn pool(name: &str, count: u32, mode: &str) -> Value {
    let mut pool = json!({
        "name": name, "count": count, "vmSize": "Standard_D4s_v5", "osDiskSizeGB": 128, "osDiskType": "Ephemeral",
        "kubeletDiskType": "OS", "maxPods": 110, "type": "VirtualMachineScaleSets", "enableAutoScaling": mode == "User",
        "provisioningState": "Succeeded", "powerState": { "code": "Running" }, "orchestratorVersion": "1.33",
        "currentOrchestratorVersion": "1.33.3", "enableNodePublicIP": false, "mode": mode, "osType": "Linux",
        "osSKU": "Ubuntu", "nodeImageVersion": "AKSUbuntu-2204gen2containerd-202510.03.0",
        "upgradeSettings": { "maxSurge": "10%" }, "enableFIPS": false, "availabilityZones": ["1", "2", "3"],
        "eTag": ids::named(&format!("etag/{name}")),
    });
    if mode == "User" {
        pool["minCount"] = json!(3);
        pool["maxCount"] = json!(9);
    }
    pool
}

fn network() -> Value {
    let address = format!(
        "{}/providers/Microsoft.Network/publicIPAddresses/5d1e0d9c",
        ids::group_id(ids::NODE_GROUP)
    );
    json!({
        "networkPlugin": "azure", "networkPluginMode": "overlay", "networkPolicy": "cilium", "networkDataplane": "cilium",
        "loadBalancerSku": "standard",
        "loadBalancerProfile": {
            "managedOutboundIPs": { "count": 1 }, "effectiveOutboundIPs": [{ "id": address }],
            "backendPoolType": "NodeIPConfiguration",
        },
        "podCidr": "10.244.0.0/16", "serviceCidr": "10.0.0.0/16", "dnsServiceIP": "10.0.0.10",
        "outboundType": "loadBalancer", "podCidrs": ["10.244.0.0/16"], "serviceCidrs": ["10.0.0.0/16"],
        "ipFamilies": ["IPv4"],
    })
}
