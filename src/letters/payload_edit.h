// A change to JSON payloads: an RFC 6902 patch. Room: letters.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "src/base/result.h"

namespace drover::letters {

class PayloadEdit {
public:
    // `invalid` names what is no patch in it.
    static Result<PayloadEdit> parse(std::string_view patch);

    // `invalid`: the payload is no JSON, holds a number that would not come through unchanged, or the patch does not
    // fit it (a path that is not there, a test that fails). What the patch does not name keeps its order and its value.
    Result<std::string> apply(std::string_view payload) const;

private:
    explicit PayloadEdit(std::shared_ptr<const nlohmann::ordered_json> patch) : patch_(std::move(patch)) {}
    std::shared_ptr<const nlohmann::ordered_json> patch_;
};

}  // namespace drover::letters
