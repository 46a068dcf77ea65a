//! Every route that is no page and no server function, with its path and method: the router is made from this table,
//! and the test of the permission matrix asks each of them as everybody.

/// A route of the portal's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    Events,
    NodeLogs,
    NodeLogFile,
    Profile,
    ChainsFile,
    Material,
    AdminMaterial,
    TemplateFile,
    HostImages,
    Package,
    Users,
    HostRegistries,
    HostApprovals,
    Access,
    AuditExport,
    AuditKeep,
    Notices,
    Apply,
    Preferences,
    Health,
    Ready,
}

/// What stands between a request and its handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// A session, and the limit of ordinary bodies.
    Ordinary,
    /// A session; the handler bounds the body, which may be an archive.
    Archives,
    /// Nothing: whoever watches the portal has no session.
    Watchers,
}

impl Route {
    /// Every route.
    pub const ALL: [Self; 21] = [
        Self::Events,
        Self::NodeLogs,
        Self::NodeLogFile,
        Self::Profile,
        Self::ChainsFile,
        Self::Material,
        Self::AdminMaterial,
        Self::TemplateFile,
        Self::HostImages,
        Self::Package,
        Self::Users,
        Self::HostRegistries,
        Self::HostApprovals,
        Self::Access,
        Self::AuditExport,
        Self::AuditKeep,
        Self::Notices,
        Self::Apply,
        Self::Preferences,
        Self::Health,
        Self::Ready,
    ];

    /// Its path, with its parameters in braces.
    pub fn path(self) -> &'static str {
        match self {
            Self::Events => "/events",
            Self::NodeLogs => "/chains/{name}/nodes/{node}/logs",
            Self::NodeLogFile => "/chains/{name}/nodes/{node}/log.txt",
            Self::ChainsFile => "/chains.csv",
            Self::Profile => "/chains/{name}/profile/{file}",
            Self::Material | Self::AdminMaterial => "/chains/{name}/material/{file}",
            Self::TemplateFile => "/templates/{name}/template.yaml",
            Self::HostImages => "/hosts/{id}/images",
            Self::Package => "/chains/{name}/package",
            Self::Users => "/users",
            Self::HostRegistries => "/hosts/{id}/registries",
            Self::HostApprovals => "/hosts/{id}/approvals",
            Self::Access => "/chains/{name}/access",
            Self::AuditExport => "/audit/export",
            Self::AuditKeep => "/audit/keep",
            Self::Notices => "/notices",
            Self::Apply => "/apply",
            Self::Preferences => "/preferences",
            Self::Health => "/healthz",
            Self::Ready => "/readyz",
        }
    }

    /// Whether it takes something in; all others are read.
    pub fn is_post(self) -> bool {
        matches!(
            self,
            Self::AdminMaterial
                | Self::HostImages
                | Self::Package
                | Self::Users
                | Self::HostRegistries
                | Self::HostApprovals
                | Self::Access
                | Self::AuditExport
                | Self::AuditKeep
                | Self::Notices
                | Self::Apply
                | Self::Preferences
        )
    }

    /// What stands before its handler.
    pub fn group(self) -> Group {
        match self {
            Self::HostImages | Self::Package => Group::Archives,
            Self::Health | Self::Ready => Group::Watchers,
            _ => Group::Ordinary,
        }
    }
}
