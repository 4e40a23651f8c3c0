#include "src/base/percent.h"

#include <gtest/gtest.h>

namespace drover {
namespace {

TEST(Percent, decodes_two_hex_digits_and_nothing_else) {
    EXPECT_EQ(percent_decode("a%20b%2Fc%2f+"), "a b/c/+");
    EXPECT_EQ(percent_decode("%00%ff"), std::string("\0\xff", 2));
    EXPECT_EQ(percent_decode("%2541"), "%41");
    for (const char* text : {"%", "a%2", "%zz", "%-1", "%%41"}) EXPECT_FALSE(percent_decode(text)) << text;
}

}  // namespace
}  // namespace drover
