// The rules that names follow, each answered with what is wrong, or nothing. Pure. Room: jobqueue.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace drover::jobqueue {

// What is wrong, as the end of a sentence that begins with the field: "must be …". Nothing when all is well.
using Complaint = std::optional<std::string>;

Complaint check_dns_label(std::string_view name);      // RFC 1123 label: Kubernetes' names of namespaces, containers
Complaint check_dns_subdomain(std::string_view name);  // labels with dots: names of most Kubernetes objects
Complaint check_queue_name(std::string_view name);     // a label that no route of the API takes
Complaint check_topic(std::string_view name);          // Kafka's rules, with room for the longest suffix
Complaint check_http_path(std::string_view path);      // begins with '/', visible ASCII

// The candidate that `name` was probably meant to be; "" when none is near.
std::string_view nearest_name(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace drover::jobqueue
