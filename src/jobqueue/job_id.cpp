#include <array>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_io.hpp>

#include "src/jobqueue/job.h"

namespace drover::jobqueue {
namespace {

// The namespace of ids made from CloudEvents; itself random. Never change it: ids would change with it.
constexpr boost::uuids::uuid cloud_event_namespace{
    {0x5d, 0x0f, 0x4b, 0x3e, 0x91, 0x6c, 0x4c, 0x27, 0xa8, 0x1d, 0x3e, 0x62, 0xf7, 0x04, 0xbb, 0x95}};

// And the one of those made from names of our own.
constexpr boost::uuids::uuid name_namespace{
    {0x1e, 0x6a, 0xb5, 0x0c, 0x47, 0xd2, 0x4f, 0x93, 0x8b, 0x60, 0xe4, 0x29, 0x71, 0x3d, 0x9a, 0xc8}};

struct CloudEvent {
    std::string_view specversion;
    std::string_view id;
    std::string_view source;
};

CloudEvent cloud_event(std::span<const FieldView> fields) {
    CloudEvent event;
    for (const auto& field : fields) {
        if (field.name == "ce_id") event.id = field.value;
        if (field.name == "ce_source") event.source = field.value;
        if (field.name == "ce_specversion") event.specversion = field.value;
    }
    return event;
}

}  // namespace

std::string job_id(const JobHeaders& headers, std::span<const FieldView> fields, const Origin& record) {
    if (!headers.id.empty()) return std::string(headers.id);

    const CloudEvent event = cloud_event(fields);
    if (!event.specversion.empty() && !event.id.empty() && !event.source.empty()) {
        std::string name(event.source);
        name += '\0';
        name += event.id;
        return boost::uuids::to_string(boost::uuids::name_generator_sha1(cloud_event_namespace)(name));
    }

    const Origin& first = headers.original ? *headers.original : record;
    return std::string(first.topic) + "-" + std::to_string(first.partition) + "-" + std::to_string(first.offset);
}

std::string named_job_id(std::string_view name) {
    const boost::uuids::name_generator_sha1 generate(name_namespace);
    return boost::uuids::to_string(generate(name.data(), name.size()));
}

// RFC 9562, section 5.7, with more of the time by section 6.2, method 3.
std::string new_job_id(Time now, std::uint64_t random) {
    const auto millis = std::chrono::floor<std::chrono::milliseconds>(now);
    const auto fraction = static_cast<std::uint64_t>((now - millis) * 4096 / std::chrono::milliseconds(1));
    const std::uint64_t high = static_cast<std::uint64_t>(to_millis(now)) << 16 | 0x7000 | fraction;
    const std::uint64_t low = 0x8000'0000'0000'0000 | (random & 0x3FFF'FFFF'FFFF'FFFF);
    boost::uuids::uuid id{};
    for (std::size_t i = 0; i < 8; ++i) {
        id.data[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
        id.data[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
    }
    return boost::uuids::to_string(id);
}

}  // namespace drover::jobqueue
