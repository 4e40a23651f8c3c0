#include "src/base/base64.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover {
namespace {

TEST(Base64, encodes_as_RFC_4648_says) {
    EXPECT_EQ(base64_encode(""), "");
    EXPECT_EQ(base64_encode("f"), "Zg==");
    EXPECT_EQ(base64_encode("fo"), "Zm8=");
    EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
    EXPECT_EQ(base64_encode(std::string("\0\xFF\xFE", 3)), "AP/+");
}

RC_GTEST_PROP(Base64, decoding_undoes_encoding, (const std::string& bytes)) {
    RC_ASSERT(base64_decode(base64_encode(bytes)) == bytes);
}

TEST(Base64, what_is_not_base64_is_nothing) {
    for (const char* text : {"A", "AA", "AAA", "Zg=", "=Zg=", "A=BC", "====", "AAA=AAAA", "AAAA----", "AAA ", " AAA",
                             "AAAA\n\n\n\n", "AA\tA", "A_-A", "\xFF\xFF\xFF\xFF"})
        EXPECT_FALSE(base64_decode(text)) << text;
}

RC_GTEST_PROP(Base64, any_bytes_decode_to_text_or_to_nothing, (const std::string& text)) {
    if (const auto bytes = base64_decode(text)) RC_ASSERT(base64_encode(*bytes).size() == text.size());
}

}  // namespace
}  // namespace drover
