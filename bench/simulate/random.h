// Numbers that look random and are the same on every run: SplitMix64.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

namespace drover::simulate {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    double uniform(double from, double to) { return from + (to - from) * unit(); }
    double exponential() { return -std::log1p(-unit()); }  // mean 1
    double normal() {
        const double radius = std::sqrt(2 * exponential());
        return radius * std::cos(2 * std::numbers::pi * unit());
    }

private:
    double unit() {  // from 0 to below 1
        state_ += 0x9E3779B97F4A7C15;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return static_cast<double>((mixed ^ (mixed >> 31)) >> 11) * 0x1p-53;
    }
    std::uint64_t state_;
};

}  // namespace drover::simulate
