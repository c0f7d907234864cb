mod alignment;
mod ctm;
mod decode;
mod fbank;
mod kaldi;
mod normalise;
mod resample;
mod source;
