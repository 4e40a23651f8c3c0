// Any text is a connection or one problem; a connection has a server and a token, and no file is read but those it
// names.
#include <cstdint>
#include <string_view>

#include "src/kube/kubeconfig.h"
#include "tests/fuzz/expect.h"

using namespace drover;
using namespace drover::kube;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto read = [](const std::string& path) -> Result<std::string> {
        EXPECT_HOLDS(!path.empty());
        return "text";
    };
    const auto connection = parse_kubeconfig(text, {"", "/folder", read});
    if (!connection) {
        EXPECT_HOLDS(!connection.error().message.empty());
        return 0;
    }
    EXPECT_HOLDS(connection->server.starts_with("http"));
    EXPECT_HOLDS(connection->token != nullptr);
    EXPECT_HOLDS(connection->tls.certificate.empty() == connection->tls.key.empty());
    return 0;
}
