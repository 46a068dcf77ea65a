//! The fields of a cluster: where its API server is and how the portal is let in; and, folded away, what is wanted of
//! it, with defaults that fit most.

use leptos::prelude::*;

use super::cluster::{
    CLUSTER_IP, ClusterForm, LOAD_BALANCER, NODE_PORT, STORAGE_DEFAULT, STORAGE_LOCAL, STORAGE_NAMED,
    STORAGE_NFS, SettingsForm, SignIn, TRUST_CA, TRUST_PINNED,
};
use super::{show_on_field, wrong_on};
use crate::api::host::host_kubeconfig;
use crate::browser;
use crate::components::badge::Pick;
use crate::components::field::{LongField, SelectField, TextField};
use crate::components::notice::Notice;
use crate::pages::refusal;
use crate::text::{refusal_text, say_in, tr, use_lang, words};

/// Where a refusal is shown.
type Wrong = RwSignal<Option<domain::Error>>;

/// How the cluster is reached.
#[component]
pub fn ClusterConnection(
    cluster: ClusterForm,
    /// By what address applications reach nodes.
    client_address: RwSignal<String>,
    wrong: Wrong,
) -> impl IntoView {
    view! {
        <SignInChoice cluster=cluster/>
        {move || match cluster.sign_in.get() {
            SignIn::Token => view! {
                <Server cluster=cluster wrong=wrong/>
                <LongField id="token" label=words(|t| t.cluster().token) value=cluster.token
                    hint=words(|t| t.cluster().token_hint) rows=3 error=wrong_on(wrong, "token")/>
                <Authority cluster=cluster wrong=wrong/>
            }
            .into_any(),
            SignIn::Certificate => view! {
                <Server cluster=cluster wrong=wrong/>
                <LongField id="certificate_pem" label=words(|t| t.hosting().certificate_pem)
                    value=cluster.certificate_pem error=wrong_on(wrong, "certificate_pem")/>
                <LongField id="key_pem" label=words(|t| t.hosting().key_pem) value=cluster.key_pem
                    hint=words(|t| t.hosting().secret_hint) error=wrong_on(wrong, "key_pem")/>
                <Authority cluster=cluster wrong=wrong/>
            }
            .into_any(),
            SignIn::Kubeconfig => view! { <Kubeconfig cluster=cluster wrong=wrong/> }.into_any(),
            SignIn::Own => ().into_any(),
        }}
        <TextField id="client_address" label=words(|t| t.hosting().client_address) value=client_address
            hint=words(|t| t.cluster().client_address_hint) error=wrong_on(wrong, "client_address")/>
    }
}

#[component]
fn SignInChoice(cluster: ClusterForm) -> impl IntoView {
    let choice = move |sign_in: SignIn, id: &'static str, pick: Pick| {
        view! {
            <label class="check" for=id>
                <input type="radio" name="sign_in" id=id
                    prop:checked=move || cluster.sign_in.get() == sign_in
                    checked=cluster.sign_in.get_untracked() == sign_in
                    disabled=sign_in == SignIn::Own && !cluster.has_own
                    on:change=move |_| cluster.sign_in.set(sign_in)/>
                <span>{tr(pick)}</span>
            </label>
        }
    };
    view! {
        <fieldset>
            <legend>{tr(|t| t.cluster().sign_in)}</legend>
            {choice(SignIn::Token, "sign-in-token", |t| t.cluster().sign_in_token)}
            {choice(SignIn::Certificate, "sign-in-certificate", |t| t.cluster().sign_in_certificate)}
            {choice(SignIn::Kubeconfig, "sign-in-kubeconfig", |t| t.cluster().sign_in_kubeconfig)}
            {choice(SignIn::Own, "sign-in-own", |t| t.cluster().sign_in_own)}
            {(!cluster.has_own).then(|| view! { <p class="field-hint">{tr(|t| t.cluster().no_own_hint)}</p> })}
        </fieldset>
    }
}

#[component]
fn Server(cluster: ClusterForm, wrong: Wrong) -> impl IntoView {
    view! {
        <TextField id="server" label=words(|t| t.cluster().server) value=cluster.server
            hint=words(|t| t.cluster().server_hint) error=wrong_on(wrong, "server")/>
    }
}

/// By what the portal knows the API server.
#[component]
fn Authority(cluster: ClusterForm, wrong: Wrong) -> impl IntoView {
    let kinds = options([(TRUST_CA, |t| t.cluster().trust_ca), (TRUST_PINNED, |t| t.cluster().trust_pinned)]);
    view! {
        <SelectField id="trust" label=words(|t| t.cluster().trust) value=cluster.trust options=kinds/>
        <Show when=move || cluster.trust.read().as_str() == TRUST_PINNED fallback=move || {
            view! {
                <LongField id="ca_pem" label=words(|t| t.hosting().ca_pem) value=cluster.ca_pem
                    hint=words(|t| t.hosting().pem_hint) error=wrong_on(wrong, "ca_pem")/>
            }
        }>
            <TextField id="pinned" label=words(|t| t.cluster().pinned) value=cluster.pinned
                hint=words(|t| t.cluster().pinned_hint) error=wrong_on(wrong, "pinned")/>
        </Show>
    }
}

/// The text of a kubeconfig, pasted or from a file, and the choice among the contexts that the portal finds in it.
#[component]
fn Kubeconfig(cluster: ClusterForm, wrong: Wrong) -> impl IntoView {
    let read = Action::new(|text: &String| {
        let text = text.clone();
        async move { host_kubeconfig(text.clone()).await.map(|contexts| (text, contexts)) }
    });
    show_on_field(read, wrong);
    Effect::new(move |_| {
        if let Some(Ok((text, contexts))) = read.value().get()
            // An answer about a text that has been changed meanwhile is none about what stands here.
            && cluster.kubeconfig.read_untracked().as_str() == text.as_str()
        {
            cluster.found(contexts);
            let is_settled = |error: &mut domain::Error| error.field.as_deref() == Some("kubeconfig");
            wrong.update(|wrong| drop(wrong.take_if(is_settled)));
        }
    });
    Effect::new(move |before: Option<String>| {
        let text = cluster.kubeconfig.get();
        if before.is_some_and(|before| before != text) {
            cluster.retyped();
        }
        text
    });
    let look = Callback::new(move |text: String| {
        if !text.trim().is_empty() {
            read.dispatch(text);
        }
    });
    // The address is that of the context.
    Effect::new(move |_| {
        let (contexts, chosen) = (cluster.contexts.get(), cluster.context.get());
        if let Some(context) = contexts.into_iter().find(|context| context.name == chosen) {
            cluster.server.set(context.server);
        }
    });
    let take = move |_| {
        browser::read_file("kubeconfig-file", move |text| {
            cluster.kubeconfig.set(text.clone());
            read.dispatch(text);
        });
    };
    let usable = Signal::derive(move || {
        let contexts = cluster.contexts.get().into_iter().filter(|context| context.refused.is_none());
        contexts.map(|one| (one.name.clone(), format!("{} · {}", one.name, one.server))).collect::<Vec<_>>()
    });
    view! {
        <LongField id="kubeconfig" label=words(|t| t.cluster().kubeconfig) value=cluster.kubeconfig
            hint=words(|t| t.cluster().kubeconfig_hint) rows=6 error=wrong_on(wrong, "kubeconfig")
            on_change=look/>
        <div class="field">
            <label for="kubeconfig-file">{tr(|t| t.cluster().kubeconfig_file)}</label>
            <input type="file" id="kubeconfig-file" accept=".yaml,.yml,.conf,.kubeconfig,application/yaml"
                on:change=take/>
        </div>
        <div class="row">
            <button type="button" class="button" disabled=move || read.pending().get()
                on:click=move |_| { read.dispatch(cluster.kubeconfig.get_untracked()); }>
                {tr(|t| t.cluster().kubeconfig_read)}
            </button>
        </div>
        <Notice error=refusal(read)/>
        <SelectField id="context" label=words(|t| t.cluster().context) value=cluster.context options=usable
            error=wrong_on(wrong, "context")/>
        <div aria-live="polite">{move || refused_contexts(cluster)}</div>
        <TextField id="server" label=words(|t| t.cluster().server) value=cluster.server readonly=true
            error=wrong_on(wrong, "server")/>
    }
}

/// The contexts that cannot be used, each with its reason.
fn refused_contexts(cluster: ClusterForm) -> Option<AnyView> {
    let refused = cluster.contexts.get().into_iter().filter_map(|one| Some((one.name, one.refused?)));
    let refused: Vec<_> = refused.collect();
    if refused.is_empty() {
        return None;
    }
    let items = refused
        .into_iter()
        .map(|(name, error)| {
            let why = say_in(move |lang| refusal_text(lang, &error));
            view! { <li><code>{name}</code> ": " {why}</li> }
        })
        .collect_view();
    Some(
        view! {
            <p class="muted">{tr(|t| t.cluster().contexts_refused)}</p>
            <ul class="small">{items}</ul>
        }
        .into_any(),
    )
}

/// What is wanted of the cluster.
#[component]
pub fn ClusterWishes(settings: SettingsForm, wrong: Wrong) -> impl IntoView {
    view! {
        <div class="columns">
            <TextField id="namespace_prefix" label=words(|t| t.cluster().namespace_prefix)
                value=settings.namespace_prefix hint=words(|t| t.cluster().namespace_prefix_hint)
                error=wrong_on(wrong, "namespace_prefix")/>
            <TextField id="registry_prefix" label=words(|t| t.cluster().registry_prefix)
                value=settings.registry_prefix hint=words(|t| t.cluster().registry_prefix_hint)
                error=wrong_on(wrong, "registry_prefix")/>
        </div>
        <Storage settings=settings wrong=wrong/>
        <Exposure settings=settings wrong=wrong/>
        <LongField id="node_selector" label=words(|t| t.cluster().node_selector) value=settings.node_selector
            hint=words(|t| t.cluster().entries_hint) rows=2 error=wrong_on(wrong, "node_selector")/>
        <LongField id="tolerations" label=words(|t| t.cluster().tolerations) value=settings.tolerations
            hint=words(|t| t.cluster().tolerations_hint) rows=2 error=wrong_on(wrong, "tolerations")/>
    }
}

#[component]
fn Storage(settings: SettingsForm, wrong: Wrong) -> impl IntoView {
    let kinds = options([
        (STORAGE_DEFAULT, |t| t.cluster().storage_default),
        (STORAGE_NAMED, |t| t.cluster().storage_named),
        (STORAGE_NFS, |t| t.cluster().storage_nfs),
        (STORAGE_LOCAL, |t| t.cluster().storage_local),
    ]);
    view! {
        <div class="columns">
            <SelectField id="storage" label=words(|t| t.cluster().storage) value=settings.storage options=kinds
                error=wrong_on(wrong, "storage")/>
            <TextField id="volume_gib" label=words(|t| t.cluster().volume_gib) value=settings.volume_gib
                error=wrong_on(wrong, "volume_gib")/>
            {move || match settings.storage.get().as_str() {
                STORAGE_NAMED => view! {
                    <TextField id="storage_class" label=words(|t| t.cluster().storage_class)
                        value=settings.storage_class error=wrong_on(wrong, "storage_class")/>
                }
                .into_any(),
                STORAGE_NFS => view! {
                    <TextField id="nfs_server" label=words(|t| t.cluster().nfs_server)
                        value=settings.nfs_server error=wrong_on(wrong, "nfs_server")/>
                    <TextField id="nfs_path" label=words(|t| t.cluster().nfs_path)
                        value=settings.nfs_path error=wrong_on(wrong, "nfs_path")/>
                }
                .into_any(),
                STORAGE_LOCAL => view! {
                    <TextField id="kube_node" label=words(|t| t.cluster().kube_node)
                        value=settings.kube_node error=wrong_on(wrong, "kube_node")/>
                    <TextField id="local_path" label=words(|t| t.cluster().local_path)
                        value=settings.local_path error=wrong_on(wrong, "local_path")/>
                }
                .into_any(),
                _ => ().into_any(),
            }}
        </div>
    }
}

#[component]
fn Exposure(settings: SettingsForm, wrong: Wrong) -> impl IntoView {
    let kinds = options([
        (NODE_PORT, |t| t.cluster().exposure_node_port),
        (LOAD_BALANCER, |t| t.cluster().exposure_load_balancer),
        (CLUSTER_IP, |t| t.cluster().exposure_cluster_ip),
    ]);
    view! {
        <SelectField id="exposure" label=words(|t| t.cluster().exposure) value=settings.exposure options=kinds/>
        <Show when=move || settings.exposure.read().as_str() == LOAD_BALANCER>
            <LongField id="annotations" label=words(|t| t.cluster().annotations) value=settings.annotations
                hint=words(|t| t.cluster().entries_hint) rows=2 error=wrong_on(wrong, "annotations")/>
        </Show>
    }
}

/// The words of a choice, in the language of the page.
fn options<const N: usize>(list: [(&'static str, Pick); N]) -> Signal<Vec<(String, String)>> {
    let lang = use_lang();
    Signal::derive(move || {
        let text = lang.get().text();
        list.iter().map(|(key, pick)| ((*key).to_owned(), pick(text).to_owned())).collect()
    })
}
