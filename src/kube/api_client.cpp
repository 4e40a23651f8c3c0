#include "src/kube/api_client.h"

#include <utility>

#include "src/kube/json_fields.h"
#include "src/kube/line_splitter.h"
#include "src/kube/store.h"

namespace drover::kube {
namespace {

using json = nlohmann::json;
using Reason = ApiError::Reason;

tl::unexpected<ApiError> refused(Reason reason, std::string message) {
    return tl::unexpected(ApiError{reason, 0, std::move(message), {}, {}});
}

ApiResult<void> check_key(const Resource& resource, const ObjectKey& key) {
    if (!is_path_segment(key.name)) return refused(Reason::bad_request, "'" + key.name + "' is no name of an object");
    if (resource.namespaced && !is_path_segment(key.namespace_name)) {
        return refused(Reason::bad_request, "'" + key.namespace_name + "' is no namespace");
    }
    return {};
}

std::string flag(bool set, const char* text) { return set ? text : ""; }

// Lists name a kind only once.
void add_kind(json& object, const Resource& resource) {
    if (!object.contains("apiVersion")) object["apiVersion"] = resource.api_version();
    if (!object.contains("kind")) object["kind"] = resource.kind;
}

}  // namespace

struct ApiClient::Asked {
    std::string method;
    std::string target;
    std::string content_type;  // "": without a body
    json body = nullptr;
    bool repeatable = false;
};

Result<std::unique_ptr<ApiClient>> ApiClient::create(const Connection& connection, ApiClientSettings settings) {
    auto http = http::Client::create({connection.server, connection.tls});
    if (!http) return tl::unexpected(http.error());
    return std::unique_ptr<ApiClient>(new ApiClient(std::move(*http), connection.token, settings));
}

ApiClient::ApiClient(std::unique_ptr<http::Client> http, std::shared_ptr<Token> token, ApiClientSettings settings)
    : http_(std::move(http)), token_(std::move(token)), settings_(settings) {}

ApiClient::~ApiClient() = default;

ApiResult<http::ClientRequest> ApiClient::request(Asked asked) const {
    const auto token = token_->current();
    if (!token) return refused(Reason::unauthorized, token.error().message);
    http::ClientRequest request;
    request.method = std::move(asked.method);
    request.target = std::move(asked.target);
    request.timeout = settings_.timeout;
    request.repeatable = asked.repeatable;
    request.headers = {{"accept", "application/json"}, {"user-agent", "drover"}};
    if (!token->empty()) request.headers.push_back({"authorization", "Bearer " + *token});
    if (asked.content_type.empty()) return request;
    request.headers.push_back({"content-type", asked.content_type});
    try {
        request.body = asked.body.dump();
    } catch (const json::exception& error) {  // a text in it is not UTF-8
        return refused(Reason::bad_request, error.what());
    }
    return request;
}

ApiResult<json> ApiClient::ask(Asked asked, std::stop_token stop) {
    auto made = request(std::move(asked));
    if (!made) return tl::unexpected(made.error());
    auto answer = http_->send(*made, std::move(stop));
    if (!answer) return tl::unexpected(api_error(answer.error()));
    if (answer->status < 200 || answer->status >= 300) {
        return tl::unexpected(api_error(answer->status, answer->header("retry-after"), answer->body));
    }
    auto parsed = json::parse(answer->body, nullptr, false);
    if (!parsed.is_object()) return refused(Reason::unreadable, "the answer is no JSON object");
    return parsed;
}

ApiResult<json> ApiClient::get(const Resource& resource, const ObjectKey& key, std::stop_token stop) {
    if (auto checked = check_key(resource, key); !checked) return tl::unexpected(checked.error());
    return ask({"GET", object_path(resource, key), "", nullptr, true}, std::move(stop));
}

ApiResult<ObjectList> ApiClient::list(const Resource& resource, const Selection& selection,
                                      const std::stop_token& stop) {
    auto listed = list_pages(resource, selection, settings_.page_size, stop);
    if (!listed && listed.error().reason == Reason::expired) listed = list_pages(resource, selection, 0, stop);
    return listed;
}

ApiResult<ObjectList> ApiClient::list_pages(const Resource& resource, const Selection& selection, std::size_t page_size,
                                            const std::stop_token& stop) {
    ObjectList list;
    std::string at;
    do {
        const Query query = {{"labelSelector", selection.label_selector},
                             {"fieldSelector", selection.field_selector},
                             {"limit", page_size == 0 ? "" : std::to_string(page_size)},
                             {"continue", at}};
        auto page = ask(
            {"GET", collection_path(resource, selection.namespace_name) + query_text(query), "", nullptr, true}, stop);
        if (!page) return tl::unexpected(page.error());
        list.version = text_at(*page, {"metadata", "resourceVersion"});
        std::string next(text_at(*page, {"metadata", "continue"}));
        const auto items = page->find("items");
        if (list.version.empty() || items == page->end() || !(items->is_array() || items->is_null())) {
            return refused(Reason::unreadable, "the answer is no list");
        }
        for (auto& object : *items) {
            if (!object.is_object() || key_of(object).name.empty()) {
                return refused(Reason::unreadable, "the list has something that is no object");
            }
            add_kind(object, resource);
            list.objects.push_back(std::move(object));
        }
        if (!next.empty() && next == at) return refused(Reason::unreadable, "the list goes on where it was");
        at = std::move(next);
    } while (!at.empty());
    return list;
}

ApiResult<json> ApiClient::create(const Resource& resource, const json& object, const WriteOptions& options,
                                  std::stop_token stop) {
    const ObjectKey key = key_of(object);
    if (auto checked = check_key(resource, key); !checked) return tl::unexpected(checked.error());
    const Query query = {{"fieldManager", options.field_manager}, {"dryRun", flag(options.dry_run, "All")}};
    return ask(
        {"POST", collection_path(resource, key.namespace_name) + query_text(query), "application/json", object, false},
        std::move(stop));
}

ApiResult<json> ApiClient::apply(const Resource& resource, const json& object, const ApplyOptions& options,
                                 std::stop_token stop) {
    const ObjectKey key = key_of(object);
    if (auto checked = check_key(resource, key); !checked) return tl::unexpected(checked.error());
    if (options.field_manager.empty()) return refused(Reason::bad_request, "an apply needs a field manager");
    const Query query = {{"fieldManager", options.field_manager},
                         {"force", flag(options.force, "true")},
                         {"dryRun", flag(options.dry_run, "All")}};
    return ask({"PATCH", object_path(resource, key, options.subresource) + query_text(query),
                "application/apply-patch+yaml", object, true},
               std::move(stop));
}

ApiResult<json> ApiClient::merge_patch(const Resource& resource, const ObjectKey& key, std::string_view subresource,
                                       const json& patch, const WriteOptions& options, std::stop_token stop) {
    if (auto checked = check_key(resource, key); !checked) return tl::unexpected(checked.error());
    const Query query = {{"fieldManager", options.field_manager}, {"dryRun", flag(options.dry_run, "All")}};
    // With a precondition, its own first success would refuse a repetition.
    const bool repeatable = !field_at(patch, {"metadata", "resourceVersion"});
    return ask({"PATCH", object_path(resource, key, subresource) + query_text(query), "application/merge-patch+json",
                patch, repeatable},
               std::move(stop));
}

ApiResult<json> ApiClient::scale(const Resource& resource, const ObjectKey& key, int replicas,
                                 const WriteOptions& options, std::stop_token stop) {
    return merge_patch(resource, key, "scale", {{"spec", {{"replicas", replicas}}}}, options, std::move(stop));
}

ApiResult<void> ApiClient::remove(const Resource& resource, const ObjectKey& key, const DeleteOptions& options,
                                  std::stop_token stop) {
    if (auto checked = check_key(resource, key); !checked) return tl::unexpected(checked.error());
    json body = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
    if (!options.propagation.empty()) body["propagationPolicy"] = options.propagation;
    if (options.grace_period) body["gracePeriodSeconds"] = options.grace_period->count();
    if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
    if (!options.version.empty()) body["preconditions"]["resourceVersion"] = options.version;
    const auto answer = ask({"DELETE", object_path(resource, key), "application/json", body, true}, std::move(stop));
    if (!answer) return tl::unexpected(answer.error());
    return {};
}

ApiResult<void> ApiClient::watch(const Resource& resource, const Selection& selection, const WatchOptions& options,
                                 const OnEvent& on_event, std::stop_token stop) {
    const Query query = {{"watch", "true"},
                         {"allowWatchBookmarks", "true"},
                         {"resourceVersion", options.version},
                         {"timeoutSeconds", std::to_string(options.timeout.count())},
                         {"labelSelector", selection.label_selector},
                         {"fieldSelector", selection.field_selector}};
    auto made =
        request({"GET", collection_path(resource, selection.namespace_name) + query_text(query), "", nullptr, true});
    if (!made) return tl::unexpected(made.error());

    LineSplitter lines(options.longest_line);
    std::optional<ApiError> problem;
    const auto take_line = [&](std::string_view line) {
        auto event = parse_watch_event(line);
        if (!event) {
            problem = std::move(event.error());
            return false;
        }
        return on_event(std::move(*event));
    };
    const auto take_bytes = [&](std::string_view bytes) {
        const auto fed = lines.feed(bytes, take_line);
        if (fed == LineSplitter::Fed::too_long) {
            problem = ApiError{Reason::unreadable, 0, "a watch's line is too long", {}, {}};
        }
        return fed == LineSplitter::Fed::all;
    };
    // A line whose end does not come is dropped: the next watch begins after the last version that was seen.
    const auto answer = http_->stream(*made, options.idle, take_bytes, std::move(stop));
    if (problem) return tl::unexpected(std::move(*problem));
    if (!answer) return tl::unexpected(api_error(answer.error()));
    if (answer->status < 200 || answer->status >= 300) {
        return tl::unexpected(api_error(answer->status, answer->header("retry-after"), answer->body));
    }
    return {};
}

}  // namespace drover::kube
