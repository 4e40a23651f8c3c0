// An authority, and certificates of it for "localhost" and for a client, "client.test", made anew for every run by
// openssl.
#pragma once

#include <string>

namespace drover::http::test {

struct TlsMaterial {
    std::string ca, server_certificate, server_key, client_certificate, client_key;  // PEM
};

const TlsMaterial& tls_material();

}  // namespace drover::http::test
