#include "m4dl/stats/effective_size.hpp"

#include <algorithm>
#include <cmath>

#include "m4dl/base/parallel.hpp"

namespace m4dl {
namespace {

using Flags = Eigen::Array<bool, 1, kLanes>;

template <int W>
void fft_kernel(const Fft& plan, double* buffer) {
    fft::transform<W, false>(plan, buffer);
}
M4DL_DISPATCH(fft_kernel, transform_lanes, (const Fft& plan, double* buffer), (plan, buffer))

// A length that needs the butterflies of 2, 3 and 5 alone.
Index fast_length(Index least) {
    for (Index n = least;; ++n) {
        Index rest = n;
        for (const Index p : {2, 3, 5})
            while (rest % p == 0) rest /= p;
        if (rest == 1) return n;
    }
}

}  // namespace

Lanes mean_of(const Block& x, Index first, Index count) {
    const double n = static_cast<double>(count);
    const Lanes mean = sum_rows(count, [&](Index k) -> Lanes { return x.row(first + k); }) / n;
    const Lanes rest =
        sum_rows(count, [&](Index k) -> Lanes { return x.row(first + k) - mean; }) / n;
    return mean.isFinite().select(mean + rest, mean);
}

EffectiveSize::EffectiveSize(Sequences sequences)
    : sequences_(std::move(sequences)), centred_(zeros(sequences_.total())) {
    // A transform costs about as much as eight products of all rows for each doubling of the length.
    direct_ = static_cast<Index>(8.0 * std::log2(2.0 * static_cast<double>(sequences_.length)));
}

Lanes EffectiveSize::operator()(const Block& x) {
    const Index n = sequences_.length, count = sequences_.count();
    const double length = static_cast<double>(n), total = static_cast<double>(sequences_.total());
    transformed_ = false;
    const Lanes first = x.row(sequences_.starts[0]);
    Flags constant = Flags::Constant(true);
    Lanes sum = Lanes::Zero();
    for (const Index start : sequences_.starts) {
        sum += mean_of(x, start, n);
        for (Index k = 0; k < n; ++k) constant = constant && x.row(start + k) == first;
    }
    // What is common to all goes first: means of the rest keep their digits.
    const Lanes common = sum / static_cast<double>(count);
    Block means(count, kLanes);
    for (Index c = 0; c < count; ++c) {
        auto own = centred_.middleRows(c * n, n);
        own = x.middleRows(sequences_.starts[c], n).rowwise() - common;
        const Lanes mean = mean_of(centred_, c * n, n);
        own.rowwise() -= mean;
        means.row(c) = mean;
    }
    const Lanes between = (means.rowwise() - means.colwise().mean()).square().colwise().sum() /
                          static_cast<double>(count - 1);
    const Lanes within = covariance(0) * length / (length - 1.0);
    const Lanes spread = within * (length - 1.0) / length + between;
    const auto rho = [&](Index lag) -> Lanes {
        return lag == 0 ? Lanes(Lanes::Ones()) : 1.0 - (within - covariance(lag)) / spread;
    };

    // The longest lags rest on two or three products only.
    const Index last = std::max<Index>(0, (n - 3) / 2);
    const Flags valid = rho(1).isFinite();
    Flags open = valid && !constant;
    Lanes time = Lanes::Constant(-1.0), least = Lanes::Constant(HUGE_VAL);
    for (Index j = 0; j <= last && open.any(); ++j) {
        const Lanes even = rho(2 * j), pair = even + rho(2 * j + 1);
        const Flags ends = j == last ? open : Flags(open && pair <= 0.0);
        // Of the pair where the sum stops, rho_2m stays if positive (or if the lags ran out first).
        const Flags kept = even > 0.0 || (j > 0 ? Flags(pair >= 0.0) : Flags::Constant(false));
        time += (ends && kept).select(even, 0.0);
        open = open && !ends;
        least = least.min(pair);
        time += open.select(2.0 * least, 0.0);
    }
    const Lanes size = total / time.max(1.0 / std::log10(total));
    return constant.select(total, valid.select(size, lanes_nan()));
}

// The mean of the sequences' autocovariances at one lag, divisor n.
Lanes EffectiveSize::covariance(Index lag) {
    if (lag >= direct_ && !transformed_) transform();
    if (transformed_) return covariances_.row(lag);
    const Index n = sequences_.length, count = sequences_.count();
    Lanes sum = Lanes::Zero();
    for (Index c = 0; c < count; ++c)
        sum += sum_rows(n - lag, [&](Index k) -> Lanes {
            return centred_.row(c * n + k) * centred_.row(c * n + k + lag);
        });
    return sum / static_cast<double>(n * count);
}

// All lags at once (Wiener, Khinchin). Two sequences a, b ride as one complex line a + i b: in the sum
// of |A + i B|^2 what mixes them is odd in the frequency, and leaves the real part of the transform
// back alone. The lines are padded by their own length against wrapping.
void EffectiveSize::transform() {
    const Index n = sequences_.length, count = sequences_.count();
    if (!fft_) fft_.emplace(fast_length(2 * n));
    const Index size = fft_->size;
    buffer_.resize(fft_->buffer_rows(), kLanes);
    Block power = Block::Zero(size, kLanes);
    for (Index c = 0; c < count; c += 2) {
        buffer_.setZero();
        for (Index k = 0; k < n; ++k) {
            const Index to = 2 * fft_->place[static_cast<std::size_t>(k)];
            buffer_.row(to) = centred_.row(c * n + k);
            if (c + 1 < count) buffer_.row(to + 1) = centred_.row((c + 1) * n + k);
        }
        transform_lanes(*fft_, buffer_.data());
        for (Index k = 0; k < size; ++k)
            power.row(k) += buffer_.row(2 * k).square() + buffer_.row(2 * k + 1).square();
    }
    buffer_.setZero();
    for (Index k = 0; k < size; ++k)
        buffer_.row(2 * fft_->place[static_cast<std::size_t>(k)]) = power.row(k);
    transform_lanes(*fft_, buffer_.data());
    covariances_.resize(n, kLanes);
    for (Index k = 0; k < n; ++k)
        covariances_.row(k) = buffer_.row(2 * k) / static_cast<double>(size * n * count);
    transformed_ = true;
}

}  // namespace m4dl
