// Asks a Kubernetes API server. Room: kube. Over http::Client.
//
// Any thread, several at once; every call blocks its caller until the answer, its time limit, or the stop token.
// Nothing is tried again here but what the connection lost and may be repeated: the callers have work queues and
// back-offs. Nothing is thrown. An object's name or namespace that cannot stand in a path is `bad_request`, and asked
// of nobody.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "src/kube/api_error.h"
#include "src/kube/connection.h"
#include "src/kube/resource.h"
#include "src/kube/watch_event.h"

namespace drover::kube {

struct Selection {
    std::string namespace_name;  // "": all
    std::string label_selector;
    std::string field_selector;
};

struct ObjectList {
    std::vector<nlohmann::json> objects;  // each with apiVersion and kind, which lists leave out
    std::string version;                  // of the whole: a watch goes on from it
};

struct WriteOptions {
    std::string field_manager;
    bool dry_run = false;
};
struct ApplyOptions {
    std::string field_manager;
    bool force = false;  // take fields from other managers; else those are a conflict
    bool dry_run = false;
    std::string subresource;
};
struct DeleteOptions {
    std::string uid;          // "" for any; another is a conflict
    std::string version;      // the same
    std::string propagation;  // Background, Foreground, Orphan; "": the kind's own
    std::optional<std::chrono::seconds> grace_period;
};

struct WatchOptions {
    std::string version;                                        // from after it
    std::chrono::seconds timeout{300};                          // the server ends the watch then
    std::chrono::milliseconds idle{std::chrono::seconds(120)};  // without any byte it counts as dead
    std::size_t longest_line = 16 * 1024 * 1024;
};

struct ApiClientSettings {
    std::chrono::milliseconds timeout{30'000};  // of one request
    std::size_t page_size = 500;
};

class ApiClient {
public:
    using json = nlohmann::json;

    static Result<std::unique_ptr<ApiClient>> create(const Connection& connection, ApiClientSettings settings = {});
    ~ApiClient();

    ApiResult<json> get(const Resource& resource, const ObjectKey& key, std::stop_token stop = {});
    // All pages, as of one version. Where it grows too old meanwhile, once more in one piece.
    ApiResult<ObjectList> list(const Resource& resource, const Selection& selection, const std::stop_token& stop = {});

    // `object` has its apiVersion, kind, namespace and name. Not repeated: after `unreachable` or `timeout` it may be
    // there.
    ApiResult<json> create(const Resource& resource, const json& object, const WriteOptions& options = {},
                           std::stop_token stop = {});
    // Server-side apply: makes the object, or the fields of this manager, as given.
    ApiResult<json> apply(const Resource& resource, const json& object, const ApplyOptions& options,
                          std::stop_token stop = {});
    // RFC 7386; a metadata.resourceVersion in it is a precondition. `subresource`: "", "status", "scale".
    ApiResult<json> merge_patch(const Resource& resource, const ObjectKey& key, std::string_view subresource,
                                const json& patch, const WriteOptions& options = {}, std::stop_token stop = {});
    ApiResult<json> scale(const Resource& resource, const ObjectKey& key, int replicas,
                          const WriteOptions& options = {}, std::stop_token stop = {});
    // `not_found` may be the answer to a repetition: gone is gone.
    ApiResult<void> remove(const Resource& resource, const ObjectKey& key, const DeleteOptions& options = {},
                           std::stop_token stop = {});

    // Events on the caller's thread until the server ends the watch (no error), on_event returns false (no error), or
    // something goes wrong.
    using OnEvent = std::function<bool(WatchEvent event)>;
    ApiResult<void> watch(const Resource& resource, const Selection& selection, const WatchOptions& options,
                          const OnEvent& on_event, std::stop_token stop = {});

private:
    struct Asked;

    ApiClient(std::unique_ptr<http::Client> http, std::shared_ptr<Token> token, ApiClientSettings settings);
    ApiResult<http::ClientRequest> request(Asked asked) const;
    ApiResult<json> ask(Asked asked, std::stop_token stop);
    ApiResult<ObjectList> list_pages(const Resource& resource, const Selection& selection, std::size_t page_size,
                                     const std::stop_token& stop);

    std::unique_ptr<http::Client> http_;
    std::shared_ptr<Token> token_;
    ApiClientSettings settings_;
};

}  // namespace drover::kube
