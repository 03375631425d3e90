// A posterior as runs hold it: the target of a model, a prior and Gaussian noise, perhaps behind a
// surrogate. It makes the densities that kernels see.
#pragma once

#include "m4dl/base/parallel.hpp"
#include "m4dl/bayes/surrogated.hpp"
#include "m4dl/bayes/target.hpp"
#include "m4dl/noise/low_rank.hpp"

namespace m4dl {

class Potential {
public:
    // `data`: (1, m), the same for all chains, or (chains, m), a row for each.
    Potential(AnyModel model, AnyPrior prior, Matrix data, const Vector& noise_std,
              std::shared_ptr<const Surrogate> surrogate = nullptr)
        : noise_(std::make_shared<const GaussianNoise>(noise_std)),
          target_(std::move(model), std::move(prior), std::move(data), AnyNoise(noise_)),
          surrogate_(std::move(surrogate)) {
        if (surrogate_) evaluate_centre();
    }

    // With what the model leaves out as noise too; a surrogate's offset stays.
    Potential corrected(const ErrorModel& error) const {
        require(error.mean.size() == outputs(), "an error model must be for ", outputs(), " data");
        Potential out = *this;
        const auto noise = std::make_shared<const LowRankNoise>(*noise_, error);
        out.target_ = target_.with_noise(AnyNoise(noise), error.mean);
        return out;
    }

    Index white() const { return target_.white(); }
    Index parameters() const { return target_.parameters(); }
    Index outputs() const { return data().cols(); }
    const Matrix& data() const { return target_.data(); }
    const Vector& precision() const { return noise_->precision(); }
    bool has_gradient() const { return target_.model().has_pull(); }
    bool has_tangent() const { return has_gradient() && target_.model().has_push(); }
    void require_chains(Index count) const {
        require(data().rows() == 1 || data().rows() == count, "there are data for ", data().rows(),
                " chains, got ", count);
    }

    std::string solver() const { return target_.model().solver(); }
    // Where threads are best spent if there are more of them than blocks of chains.
    Threads threads() const {
        return target_.model().threaded() ? Threads::kInsideBlocks : Threads::kAcrossBlocks;
    }

    std::unique_ptr<CurvedDensity> work(Chains chains) const {
        auto target = std::make_unique<Target::Work>(target_, chains);
        if (!surrogate_) return target;
        return std::make_unique<Surrogated>(std::move(target), surrogate_, offset_of(chains));
    }

private:
    Lanes offset_of(Chains chains) const {
        Lanes out;
        for (Index lane = 0; lane < kLanes; ++lane)
            out[lane] = offset_[std::min(chains.first + lane, offset_.size() - 1)];
        return out;
    }
    // Phi at the surrogate's centre, for each row of data.
    void evaluate_centre() {
        require(surrogate_->white() == white(), "centre must have ", white(), " entries, got ",
                surrogate_->white());
        const Block xi = surrogate_->centre().array().replicate(1, kLanes);
        const Block y = Target::Work(target_, {0, 1}).predict(xi);
        const Matrix misfit = data().rowwise() - y.col(0).matrix().transpose();
        offset_ = 0.5 * misfit.array().square().matrix() * precision();
        require(offset_.allFinite(), "the potential is not finite at the centre: the solve failed");
    }

    std::shared_ptr<const GaussianNoise> noise_;
    Target target_;
    std::shared_ptr<const Surrogate> surrogate_;
    Vector offset_;  // of the surrogate
};

}  // namespace m4dl
