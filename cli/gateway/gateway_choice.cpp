#include "cli/gateway/gateway_choice.h"

#include "src/jobqueue/node.h"

namespace drover::cli {
namespace {

using jobqueue::Node;

const Node* member_of(const Node* node, std::string_view name) {
    if (node == nullptr) return nullptr;
    for (const Node::Entry& entry : node->entries) {
        if (entry.key == name) return entry.value.get();
    }
    return nullptr;
}

// Kubernetes' tools take y and 1e3 for names here.
std::string text_of(const Node* node) {
    const bool is_scalar = node != nullptr && (node->kind == Node::Kind::plain || node->kind == Node::Kind::text);
    return is_scalar ? node->text : "";
}

}  // namespace

Result<GatewayChoice> choose_gateway(const GatewayArguments& arguments, const Environment& environment,
                                     const Contexts& contexts) {
    GatewayChoice choice;
    if (!arguments.gateway.empty() && !arguments.context.empty())
        return failure(Error::Code::invalid, "--gateway and --context both name a gateway: give one of them");
    const bool by_address = !arguments.gateway.empty() || (arguments.context.empty() && !environment.gateway.empty());
    const std::string& name = arguments.context.empty() ? contexts.current : arguments.context;
    if (by_address) {
        auto address = gateway_address(arguments.gateway.empty() ? environment.gateway : arguments.gateway);
        if (!address) return tl::unexpected(address.error());
        choice.url = std::move(*address);
    } else if (const Context* context = contexts.find(name)) {
        choice = {.url = context->gateway,
                  .token_file = context->token_file,
                  .token = context->token,
                  .ca_file = context->ca,
                  .ns = context->ns};
        if (!choice.token_file.empty()) choice.token.clear();
    } else if (!arguments.context.empty()) {
        Contexts copy = contexts;
        return tl::unexpected(use_context(copy, arguments.context).error());
    } else {
        choice.url = default_gateway;
    }
    if (!arguments.token_file.empty() || !environment.token.empty()) {
        choice.token_file = arguments.token_file;
        choice.token = arguments.token_file.empty() ? environment.token : "";
    }
    if (!arguments.ca.empty()) choice.ca_file = arguments.ca;
    if (!arguments.ns.empty()) choice.ns = arguments.ns;
    return choice;
}

std::string queue_named(const std::string& name, const std::string& ns) {
    return ns.empty() || name.empty() || name.find('.') != std::string::npos ? name : ns + "." + name;
}

std::string namespace_of_kubeconfig(std::string_view text) {
    const jobqueue::Documents documents = jobqueue::read_yaml(text, "kubeconfig");
    std::string found;
    if (!documents.documents.empty()) {
        const Node* root = documents.documents.front().get();
        const std::string current = text_of(member_of(root, "current-context"));
        if (const Node* contexts = member_of(root, "contexts"); contexts != nullptr && !current.empty()) {
            for (const auto& each : contexts->items) {
                if (text_of(member_of(each.get(), "name")) == current)
                    found = text_of(member_of(member_of(each.get(), "context"), "namespace"));
            }
        }
    }
    return found.empty() ? "default" : found;
}

}  // namespace drover::cli
