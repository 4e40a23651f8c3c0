#include "gateway/followed_file.h"

#include <fstream>
#include <sstream>

namespace drover::gateway {

Result<std::optional<std::string>> FollowedFile::news() {
    std::ifstream stream(path_, std::ios::binary);
    std::ostringstream text;
    if (!stream || !(text << stream.rdbuf())) return failure(Error::Code::invalid, "cannot read " + path_.string());
    if (seen_ == text.str()) return std::nullopt;
    seen_ = text.str();
    return seen_;
}

}  // namespace drover::gateway
