// Which API server, whom to trust, and who we are. Room: kube.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/http/client.h"

namespace drover::kube {

// A bearer token. Any thread.
class Token {
public:
    virtual ~Token() = default;
    // "" where there is none. An Error names the file that cannot be read.
    virtual Result<std::string> current() = 0;

    static std::shared_ptr<Token> fixed(std::string token);
    // Read anew when the file has changed, as the kubelet changes it about every hour.
    static std::shared_ptr<Token> from_file(std::string path);
};

struct Connection {
    std::string server;  // https://host:port
    http::ClientTls tls;
    std::shared_ptr<Token> token;  // never null
    std::string namespace_name;    // the default one; "" where none is named
};

// A whole file; an Error `not_found` or `unavailable` names it.
Result<std::string> read_file(const std::string& path);
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

}  // namespace drover::kube
