//! What can be taken away from a chain: connection profiles, an organization's material, and on request its admin's
//! keys. Plain links and a plain form: they work without WebAssembly.

use domain::chain::ChainView;
use domain::name::OrganizationName;
use domain::permission::Grant;
use leptos::prelude::*;

use crate::text::tr;

/// Name under which the ordering organization is exported.
const ORDERING: &str = "orderer";

/// Whose files there are, and what the person holds on the chain.
pub type Offer = (Vec<OrganizationName>, Grant);

/// What the card depends on: nothing else puts it there anew, since somebody may be typing a password there.
pub fn offer(chain: &ChainView) -> Offer {
    let organizations = chain.spec.organizations.iter().map(|organization| organization.name.clone());
    (organizations.collect(), chain.grant)
}

/// The card with all downloads that the person may have.
pub fn downloads(chain: &str, (organizations, grant): &Offer) -> AnyView {
    let grant = *grant;
    let rows = organizations
        .iter()
        .map(|organization| row(chain, organization.as_str(), grant, true))
        .collect_view();
    let ordering = (grant >= Grant::Manage).then(|| row(chain, ORDERING, grant, false));
    let material = (grant >= Grant::Manage).then(|| {
        view! { <p class="muted">{tr(|t| t.material_hint)}</p> }
    });
    view! {
        <section class="card">
            <h2>{tr(|t| t.profiles)}</h2>
            <p class="muted">{tr(|t| t.profiles_hint)}</p>
            {material}
            <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.profiles)>
                <table>
                    <thead>
                        <tr>
                            <th scope="col">{tr(|t| t.organization)}</th>
                            <th scope="col">{tr(|t| t.profile)}</th>
                            <th scope="col">{tr(|t| t.material)}</th>
                        </tr>
                    </thead>
                    <tbody>{rows} {ordering}</tbody>
                </table>
            </div>
        </section>
    }
    .into_any()
}

fn row(chain: &str, organization: &str, grant: Grant, member: bool) -> AnyView {
    let file = |folder: &str, end: &str| format!("/chains/{chain}/{folder}/{organization}.{end}");
    let profile = member.then(|| {
        view! {
            <a href=file("profile", "json") rel="external">"JSON"</a>
            " · "
            <a href=file("profile", "yaml") rel="external">"YAML"</a>
        }
    });
    let material = (grant >= Grant::Manage).then(|| {
        view! { <a href=file("material", "tar") rel="external">{tr(|t| t.material_own)}</a> }
    });
    let admin = (grant >= Grant::Owner).then(|| admin_keys(&file("material", "tar"), organization));
    view! {
        <tr>
            <th scope="row">{organization.to_owned()}</th>
            <td>{profile}</td>
            <td>{material} {admin}</td>
        </tr>
    }
    .into_any()
}

/// The admin's keys: behind a fold, with a warning and the password.
fn admin_keys(address: &str, organization: &str) -> AnyView {
    view! {
        <details>
            <summary>{tr(|t| t.material_admin)}</summary>
            <form method="post" action=address.to_owned()>
                <p class="notice notice-bad">{tr(|t| t.material_admin_warning)}</p>
                // The name "password" is what the server reads; several forms share it.
                <PasswordField id=format!("password-{organization}")/>
                <button type="submit" class="button danger">{tr(|t| t.material_admin)}</button>
            </form>
        </details>
    }
    .into_any()
}

#[component]
fn PasswordField(id: String) -> impl IntoView {
    view! {
        <div class="field">
            <label for=id.clone()>{tr(|t| t.password_again)}</label>
            <input type="password" id=id name="password" autocomplete="current-password" required=true/>
        </div>
    }
}
