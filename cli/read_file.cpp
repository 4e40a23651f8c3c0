#include "cli/read_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace drover::cli {

Result<std::string> read_file(const std::filesystem::path& file) {
    errno = 0;
    std::ifstream in(file, std::ios::binary);
    std::string content;
    if (in) content.assign(std::istreambuf_iterator<char>(in), {});
    if (!in || in.bad()) return failure(Error::Code::not_found, std::strerror(errno));
    return content;
}

}  // namespace drover::cli
