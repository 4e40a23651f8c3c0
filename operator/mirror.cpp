#include "operator/mirror.h"

#include "src/telemetry/log.h"

namespace drover::operators {
namespace {

// Who set which field is of no use here, and most of an object.
nlohmann::json without_managers(nlohmann::json object) {
    const auto metadata = object.find("metadata");
    if (metadata != object.end() && metadata->is_object()) metadata->erase("managedFields");
    return object;
}

}  // namespace

Mirror::Mirror(kube::ApiClient& client, kube::Watch::Settings settings, boost::asio::any_io_executor owner,
               OnChange on_change)
    : kind_(settings.resource.kind),
      on_change_(std::move(on_change)),
      watch_(client, std::move(settings), std::move(owner), *this) {}

void Mirror::replaced(std::vector<nlohmann::json> objects) {
    for (nlohmann::json& object : objects) object = without_managers(std::move(object));
    synced_ = true;
    trouble_.clear();
    tell(store_.replace(std::move(objects)));
}

void Mirror::changed(nlohmann::json object) {
    trouble_.clear();
    tell(store_.put(without_managers(std::move(object))));
}

void Mirror::deleted(const nlohmann::json& object) {
    trouble_.clear();
    tell(store_.remove(kube::key_of(object)));
}

void Mirror::interrupted(const kube::ApiError& error) {
    trouble_ = error.message;
    log::warn("a watch was interrupted, and goes on", {{"kind", kind_}, {"error", error.message}});
}

void Mirror::tell(const std::vector<kube::Change>& changes) {
    for (const kube::Change& change : changes) on_change_(change);
}

}  // namespace drover::operators
