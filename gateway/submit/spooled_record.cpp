#include "gateway/submit/spooled_record.h"

#include <cstdint>

namespace drover::gateway {
namespace {

constexpr char version = 1;
constexpr char tried_flag = 1, key_flag = 2, value_flag = 4;

void put_text(std::string& out, std::string_view text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>((size >> shift) & 0xff);
    out += text;
}

class Texts {
public:
    explicit Texts(std::string_view bytes) : rest_(bytes) {}

    std::uint32_t number() {
        if (rest_.size() < 4) good_ = false;
        if (!good_) return 0;
        std::uint32_t value = 0;
        for (unsigned i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(rest_[i])} << (8 * i);
        rest_.remove_prefix(4);
        return value;
    }
    std::string text() {
        const std::uint32_t size = number();
        if (size > rest_.size()) good_ = false;
        if (!good_) return {};
        std::string value(rest_.substr(0, size));
        rest_.remove_prefix(size);
        return value;
    }
    bool good() const { return good_; }
    bool at_end() const { return good_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool good_ = true;
};

}  // namespace

std::string write_spooled_record(const Outgoing& record, bool tried) {
    std::string out{version, static_cast<char>((tried ? tried_flag : 0) | (record.key ? key_flag : 0) |
                                               (record.value ? value_flag : 0))};
    put_text(out, record.topic);
    put_text(out, record.id);
    if (record.key) put_text(out, *record.key);
    if (record.value) put_text(out, *record.value);
    for (const Field& header : record.headers) {
        put_text(out, header.name);
        put_text(out, header.value);
    }
    return out;
}

Result<SpooledRecord> parse_spooled_record(std::string_view bytes) {
    const auto refused = failure(Error::Code::invalid, "it is no record of this version's spool");
    if (bytes.size() < 2 || bytes[0] != version || (bytes[1] & ~(tried_flag | key_flag | value_flag)) != 0)
        return refused;
    Texts texts(bytes.substr(2));
    SpooledRecord spooled{.tried = (bytes[1] & tried_flag) != 0};
    Outgoing& record = spooled.record;
    record.topic = texts.text();
    record.id = texts.text();
    if ((bytes[1] & key_flag) != 0) record.key = texts.text();
    if ((bytes[1] & value_flag) != 0) record.value = texts.text();
    while (texts.good() && !texts.at_end()) {
        Field header{.name = texts.text()};
        header.value = texts.text();
        record.headers.push_back(std::move(header));
    }
    if (!texts.good()) return refused;
    return spooled;
}

}  // namespace drover::gateway
