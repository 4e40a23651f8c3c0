// The parts of a spec that the resource and the sidecar's config have in common, read and written. Room: jobqueue.
#pragma once

#include <nlohmann/json.hpp>

#include "src/jobqueue/field_reader.h"
#include "src/jobqueue/resource.h"

namespace drover::jobqueue {

void read_delivery(FieldReader fields, DeliverySpec& out);
void read_retry(FieldReader fields, RetryPolicy& out);

// Such that what read_* makes of it is equal.
nlohmann::ordered_json delivery_json(const DeliverySpec& delivery);
nlohmann::ordered_json retry_json(const RetryPolicy& retry);

}  // namespace drover::jobqueue
