#include "tests/http/tls_material.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace drover::http::test {
namespace {

constexpr const char* script = R"(set -e
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.pem -subj "/CN=test CA"
host=localhost
for name in server client; do
  openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj "/CN=$name"
  echo "subjectAltName=DNS:$host" > $name.ext
  openssl x509 -req -in $name.csr -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial -extfile $name.ext -out $name.pem
  host=client.test
done)";

std::string read(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

TlsMaterial make() {
    std::string folder = (std::filesystem::temp_directory_path() / "drover-tls-XXXXXX").string();
    if (!::mkdtemp(folder.data())) std::abort();
    const std::string command = "cd " + folder + " && (" + script + "\n) > log 2>&1";
    if (std::system(command.c_str()) != 0) {
        std::fprintf(stderr, "openssl: %s\n", read(folder + "/log").c_str());
        std::abort();
    }
    TlsMaterial made{read(folder + "/ca.pem"), read(folder + "/server.pem"), read(folder + "/server.key"),
                     read(folder + "/client.pem"), read(folder + "/client.key")};
    std::filesystem::remove_all(folder);
    return made;
}

}  // namespace

const TlsMaterial& tls_material() {
    static const TlsMaterial made = make();
    return made;
}

}  // namespace drover::http::test
