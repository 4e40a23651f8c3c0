#include "cli/gateway/contexts.h"

#include <algorithm>

#include "cli/yaml_text.h"
#include "src/jobqueue/field_reader.h"
#include "src/jobqueue/node.h"

namespace drover::cli {
namespace {

using jobqueue::FieldReader;
using nlohmann::ordered_json;

constexpr std::string_view default_port = ":4100";

Context read_context(FieldReader reader) {
    Context context;
    reader.require("name");
    reader.require("gateway");
    reader.read_string("name", context.name);
    reader.read_string("gateway", context.gateway);
    reader.read_string("ca", context.ca);
    reader.read_string("tokenFile", context.token_file);
    reader.read_string("token", context.token);
    reader.read_string("namespace", context.ns);
    reader.refuse_unknown();
    if (!context.gateway.empty()) {
        if (auto address = gateway_address(context.gateway))
            context.gateway = std::move(*address);
        else
            reader.complain("gateway", address.error().message);
    }
    return context;
}

tl::unexpected<Error> unknown(const Contexts& contexts, const std::string& name) {
    if (contexts.list.empty())
        return failure(Error::Code::not_found, "there is no context; add one: drover context add NAME --gateway URL");
    std::string names;
    for (const Context& each : contexts.list) names.append(names.empty() ? "" : ", ").append(each.name);
    return failure(Error::Code::not_found, "there is no context '" + name + "'; there are " + names);
}

}  // namespace

const Context* Contexts::find(std::string_view name) const {
    const auto found = std::ranges::find(list, name, &Context::name);
    return found == list.end() ? nullptr : &*found;
}

Result<std::string> gateway_address(std::string_view text) {
    const auto wrong = [&] {
        return failure(Error::Code::invalid,
                       "'" + std::string(text) + "' is no address of a gateway such as https://drover.example.org");
    };
    std::string address(text);
    while (address.ends_with('/')) address.pop_back();
    if (address.find("://") == std::string::npos) address.insert(0, "http://");
    const bool plain = address.starts_with("http://");
    if (!plain && !address.starts_with("https://")) return wrong();
    const std::size_t host = address.find("//") + 2;
    const std::size_t path = std::min(address.find_first_of("/?#", host), address.size());
    const std::string_view authority = std::string_view(address).substr(host, path - host);
    if (authority.empty() || authority.front() == ':' || authority.find('@') != std::string_view::npos) return wrong();
    const auto is_bad = [](char c) { return c <= ' ' || c == '"' || c == '<' || c == '>' || c == '\\' || c == 0x7f; };
    if (std::ranges::any_of(address, is_bad) || address.find_first_of("?#", host) != std::string::npos) return wrong();
    // The colons of an IPv6 address stand in brackets.
    const std::size_t colon = authority.find(':', authority.front() == '[' ? authority.find(']') : 0);
    if (authority.front() == '[' && authority.find(']') == std::string_view::npos) return wrong();
    if (colon != std::string_view::npos) {
        const std::string_view port = authority.substr(colon + 1);
        const bool digits = std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
        if (port.empty() || port.size() > 5 || !digits || std::stoi(std::string(port)) > 65535) return wrong();
    } else if (plain) {
        address.insert(path, default_port);
    }
    return address;
}

ParsedContexts parse_contexts(std::string_view text, const std::string& file) {
    ParsedContexts parsed;
    jobqueue::Documents documents = jobqueue::read_yaml(text, file);
    parsed.problems = std::move(documents.problems);
    if (documents.documents.empty()) return parsed;
    jobqueue::Problems problems(file, parsed.problems);
    if (documents.documents.size() > 1) problems.add(0, "", "must be one document");
    FieldReader reader(documents.documents.front().get(), "", problems);
    reader.read_string("current", parsed.contexts.current);
    reader.read_sequence("contexts", [&](const jobqueue::Node& item, const std::string& path) {
        parsed.contexts.list.push_back(read_context(FieldReader(&item, path, problems)));
    });
    reader.refuse_unknown();
    if (!parsed.contexts.current.empty() && parsed.contexts.find(parsed.contexts.current) == nullptr)
        reader.complain("current", "is none of the contexts");
    return parsed;
}

std::string to_yaml(const Contexts& contexts) {
    ordered_json list = ordered_json::array();
    for (const Context& each : contexts.list) {
        ordered_json one{{"name", each.name}, {"gateway", each.gateway}};
        const auto put = [&one](const char* name, const std::string& value) {
            if (!value.empty()) one[name] = value;
        };
        put("ca", each.ca);
        put("tokenFile", each.token_file);
        put("token", each.token);
        put("namespace", each.ns);
        list.push_back(std::move(one));
    }
    ordered_json document = ordered_json::object();
    if (!contexts.current.empty()) document["current"] = contexts.current;
    document["contexts"] = std::move(list);
    return to_yaml(document);
}

Result<void> add_context(Contexts& contexts, Context context) {
    const auto is_bad = [](char c) { return c <= ' ' || c == 0x7f; };
    if (context.name.empty() || std::ranges::any_of(context.name, is_bad))
        return failure(Error::Code::invalid, "the name of a context must be a word, not '" + context.name + "'");
    auto address = gateway_address(context.gateway);
    if (!address) return tl::unexpected(address.error());
    context.gateway = std::move(*address);
    if (contexts.list.empty()) contexts.current = context.name;
    const auto old = std::ranges::find(contexts.list, context.name, &Context::name);
    if (old != contexts.list.end())
        *old = std::move(context);
    else
        contexts.list.push_back(std::move(context));
    return {};
}

Result<void> use_context(Contexts& contexts, const std::string& name) {
    if (contexts.find(name) == nullptr) return unknown(contexts, name);
    contexts.current = name;
    return {};
}

Result<void> remove_context(Contexts& contexts, const std::string& name) {
    if (contexts.find(name) == nullptr) return unknown(contexts, name);
    std::erase_if(contexts.list, [&](const Context& each) { return each.name == name; });
    if (contexts.current == name) contexts.current.clear();
    return {};
}

}  // namespace drover::cli
