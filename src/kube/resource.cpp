#include "src/kube/resource.h"

#include <array>

namespace drover::kube {
namespace {

void append_encoded(std::string& out, std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~';
        const auto byte = static_cast<unsigned char>(c);
        if (plain) {
            out += c;
        } else {
            out += {'%', digits[byte >> 4U], digits[byte & 15U]};
        }
    }
}

void append_segment(std::string& path, std::string_view segment) {
    path += '/';
    append_encoded(path, segment);
}

}  // namespace

std::string collection_path(const Resource& resource, std::string_view namespace_name) {
    std::string path = resource.group.empty() ? "/api" : "/apis";
    if (!resource.group.empty()) append_segment(path, resource.group);
    append_segment(path, resource.version);
    if (resource.namespaced && !namespace_name.empty()) {
        path += "/namespaces";
        append_segment(path, namespace_name);
    }
    append_segment(path, resource.plural);
    return path;
}

std::string object_path(const Resource& resource, const ObjectKey& key, std::string_view subresource) {
    std::string path = collection_path(resource, key.namespace_name);
    append_segment(path, key.name);
    if (!subresource.empty()) append_segment(path, subresource);
    return path;
}

std::string query_text(const Query& query) {
    std::string text;
    for (const auto& [name, value] : query) {
        if (value.empty()) continue;
        text += text.empty() ? '?' : '&';
        append_encoded(text, name);
        text += '=';
        append_encoded(text, value);
    }
    return text;
}

bool is_path_segment(std::string_view name) {
    return !name.empty() && name != "." && name != ".." && name.find_first_of("/%") == std::string_view::npos;
}

}  // namespace drover::kube
