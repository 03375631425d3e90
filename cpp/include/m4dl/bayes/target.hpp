// Model, prior and noise together: Phi(xi) = -log p(data | G(T(xi))), on the prior's white noise.
// Chains may have data of their own: studies put many small posteriors, which differ in y alone, into
// the lanes of one block.
#pragma once

#include "m4dl/bayes/density.hpp"
#include "m4dl/model/any.hpp"
#include "m4dl/noise/any.hpp"
#include "m4dl/prior/any.hpp"

namespace m4dl {

class Target {
public:
    // `data`: (1, m), the same for all chains, or (chains, m), a row for each.
    Target(AnyModel model, AnyPrior prior, Matrix data, AnyNoise noise)
        : model_(std::move(model)),
          prior_(std::move(prior)),
          noise_(std::move(noise)),
          data_(std::move(data)) {
        require(model_.parameters() == prior_.parameters(), "the model has ", model_.parameters(),
                " parameters but the prior ", prior_.parameters());
        require(data_.rows() > 0 && data_.cols() == model_.outputs(), "data must have ",
                model_.outputs(), " entries, got ", data_.cols());
        require(noise_.size() == data_.cols(), "noise must have ", data_.cols(), " entries");
        Block theta = Block::Zero(prior_.parameters(), kLanes);
        prior_.work()->push(Block::Zero(prior_.white(), kLanes), theta);
        solver_reference_ = model_.reference(theta.col(0).matrix());
    }

    // The same model and prior with other noise, which has a mean.
    Target with_noise(AnyNoise noise, const Vector& mean) const {
        Target out = *this;
        out.noise_ = std::move(noise);
        out.data_.rowwise() -= mean.transpose();
        return out;
    }

    const AnyModel& model() const { return model_; }
    Index white() const { return prior_.white(); }
    Index parameters() const { return prior_.parameters(); }
    const Matrix& data() const { return data_; }

    class Work final : public CurvedDensity {
    public:
        Work(const Target& t, Chains chains)
            : white_(t.white()),
              model_(t.model_.work(chains)),
              prior_(t.prior_.work()),
              noise_(t.noise_.work()),
              theta_(zeros(t.parameters())),
              dtheta_(zeros(t.parameters())),
              y_(zeros(t.data_.cols())),
              dy_(zeros(t.data_.cols())),
              data_(t.data_of(chains)) {
            if (t.solver_reference_) model_->refer(t.solver_reference_);
        }

        Index white() const override { return white_; }
        Lanes phi(const Block& xi) override {
            predict(xi);
            return noise_->misfit(y_, data_);
        }
        Lanes phi(const Block& xi, Block& gradient) override {
            const Lanes value = phi(xi);
            noise_->slope(y_, data_, dy_);
            model_->pull(dy_, dtheta_);
            prior_->pull(dtheta_, gradient);
            return value;
        }
        // T' G' I(y) G' T dxi.
        void gauss_newton(const Block& dxi, Block& out) override {
            prior_->tangent(dxi, dtheta_);
            model_->push(dtheta_, dy_);
            noise_->fisher(dy_);
            model_->pull(dy_, dtheta_);
            prior_->pull(dtheta_, out);
        }
        Here here() const override { return {theta_, y_}; }
        const Block& theta(const Block& xi) override {
            prior_->push(xi, theta_);
            return theta_;
        }
        const Block& predict(const Block& xi) override {
            model_->forward(theta(xi), y_);
            return y_;
        }
        Lanes iterations() const override { return model_->iterations(); }

    private:
        Index white_;
        std::unique_ptr<AnyModel::Work> model_;
        std::unique_ptr<AnyPrior::Work> prior_;
        std::unique_ptr<AnyNoise::Work> noise_;
        Block theta_, dtheta_, y_, dy_, data_;
    };

private:
    Block data_of(Chains chains) const {
        Block out(data_.cols(), kLanes);
        const Index last = std::min(chains.first + chains.count, data_.rows()) - 1;
        for (Index lane = 0; lane < kLanes; ++lane)  // idle lanes repeat the last chain
            out.col(lane) = data_.row(std::min(chains.first + lane, last)).transpose().array();
        return out;
    }

    AnyModel model_;
    AnyPrior prior_;
    AnyNoise noise_;
    Matrix data_;
    // What the model's solver shares among chains, at the prior's mean; null if it shares nothing.
    SharedReferenceState solver_reference_;
};

}  // namespace m4dl
